"""The outbox: order, bounds, and what is there after a sudden end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.errors import AgentError
from agent.feedback.outbox import Outbox

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def payloads(box: Outbox) -> list[bytes]:
    return [letter.payload for letter in box.after(0, 1_000_000)]


def filled(path: Path, count: int, limit: int = 100) -> Outbox:
    box = Outbox(path, limit, DAY)
    for number in range(count):
        box.put("topic", b"%d" % number)
    return box


def test_messages_come_in_order_and_piece_by_piece(tmp_path: Path) -> None:
    box = filled(tmp_path / "box", 5)
    first = box.after(0, 2)
    rest = box.after(first[-1].id, 10)
    assert [letter.payload for letter in first + rest] == [b"0", b"1", b"2", b"3", b"4"]
    assert {letter.topic for letter in first} == {"topic"}


def test_what_is_not_removed_is_there_after_opening_again(tmp_path: Path) -> None:
    box = filled(tmp_path / "box", 3)
    box.remove([box.after(0, 1)[0].id])
    box.close()
    again = Outbox(tmp_path / "box", 100, DAY)
    assert payloads(again) == [b"1", b"2"]
    assert len(again) == 2


def test_ids_are_not_given_twice_even_when_all_are_removed(tmp_path: Path) -> None:
    box = filled(tmp_path / "box", 2)
    last = box.after(0, 10)[-1].id
    box.remove(range(last + 1))
    box.close()
    again = Outbox(tmp_path / "box", 100, DAY)
    again.put("topic", b"new")
    assert again.after(0, 1)[0].id > last


def test_a_full_box_drops_the_oldest_and_counts_them(tmp_path: Path) -> None:
    box = filled(tmp_path / "box", 8, limit=5)
    assert payloads(box) == [b"3", b"4", b"5", b"6", b"7"]
    assert (len(box), box.dropped) == (5, 3)


def test_a_box_opened_with_a_lower_limit_shrinks_to_it(tmp_path: Path) -> None:
    filled(tmp_path / "box", 10).close()
    box = Outbox(tmp_path / "box", 4, DAY)
    box.put("topic", b"new")
    assert payloads(box) == [b"7", b"8", b"9", b"new"]
    assert (len(box), box.dropped) == (4, 7)


def old_and_young(folder: Path) -> tuple[Outbox, Clock]:
    """A box whose messages live for a minute, with one of 50 seconds and one put just now."""
    clock = Clock()
    box = Outbox(folder / "box", 100, 60.0, clock, clock)
    box.put("topic", b"old")
    clock.now += 50
    box.put("topic", b"young")
    return box, clock


def test_old_messages_expire_and_are_counted(tmp_path: Path) -> None:
    box, clock = old_and_young(tmp_path)
    clock.now += 20
    assert payloads(box) == [b"young"]
    assert (len(box), box.expired, box.dropped) == (1, 1, 0)


def test_messages_of_a_clock_that_was_not_set_yet_are_as_old_as_they_are(tmp_path: Path) -> None:
    clock, passed = Clock(), Clock()
    filled(tmp_path / "box", 1).close()  # before a power cut, when the clock was right
    box = Outbox(tmp_path / "box", 100, 60.0, clock, passed)  # it begins in 1970
    box.put("topic", b"in 1970")
    clock.now, passed.now = time.time() + 10, passed.now + 10
    assert payloads(box) == [b"0", b"in 1970"]
    box.put("topic", b"now")
    clock.now, passed.now = clock.now + 51, passed.now + 51
    assert payloads(box) == [b"now"]


def test_removing_what_is_gone_does_not_count_it_again(tmp_path: Path) -> None:
    box = filled(tmp_path / "box", 3)
    first = box.after(0, 1)[0].id
    box.remove([first])
    box.remove([first])
    assert (len(box), box.delivered) == (2, 1)


def test_a_rejected_message_is_gone_and_counted(tmp_path: Path) -> None:
    box = filled(tmp_path / "box", 2)
    box.reject(box.after(0, 1)[0].id)
    assert (payloads(box), box.rejected, box.delivered) == ([b"1"], 1, 0)


def test_what_was_forgotten_while_the_disk_failed_does_not_come_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    box = filled(tmp_path / "box", 4)
    first, second, *_ = box.after(0, 4)
    box._database.execute("pragma query_only=1")  # stands for a disk that is read-only
    for _ in range(2):
        box.remove([first.id])
    assert (payloads(box), len(box), box.delivered) == ([b"1", b"2", b"3"], 3, 1)
    assert [letter.payload for letter in box.after(0, 2)] == [b"1", b"2"]
    box._database.execute("pragma query_only=0")
    box.remove([second.id])
    assert (payloads(box), len(box), box.delivered) == ([b"2", b"3"], 2, 2)
    box.close()
    assert payloads(Outbox(tmp_path / "box", 100, DAY)) == [b"2", b"3"]
    (told,) = caplog.records
    assert "box: attempt to write a readonly database; what was sent stays" in told.getMessage()


def test_what_is_too_old_does_not_come_from_a_disk_that_fails(tmp_path: Path) -> None:
    box, clock = old_and_young(tmp_path)
    box._database.execute("pragma query_only=1")  # stands for a disk that is read-only
    clock.now += 20
    for _ in range(2):
        assert payloads(box) == [b"young"]
    assert (len(box), box.expired) == (1, 1)
    box._database.execute("pragma query_only=0")
    box.put("topic", b"new")
    assert (payloads(box), len(box), box.expired) == ([b"young", b"new"], 2, 1)


def test_two_agents_cannot_share_a_file(tmp_path: Path) -> None:
    box = filled(tmp_path / "box", 1)
    with pytest.raises(AgentError, match="another running agent"):
        Outbox(tmp_path / "box", 100, DAY)
    box.close()
    Outbox(tmp_path / "box", 100, DAY).close()


def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "box").write_bytes(b"no database at all, but long enough to be looked at " * 40)
    box = filled(tmp_path / "box", 1)
    assert payloads(box) == [b"0"]
    assert (tmp_path / "box.damaged").exists()
    assert "box: file is not a database; moved to box.damaged" in caplog.text


def test_damage_behind_the_first_page_is_found_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "box"
    filled(path, 500, 1000).close()
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes(len(whole) - 8192))
    box = filled(path, 1)
    assert payloads(box) == [b"0"]
    assert (tmp_path / "box.damaged").exists()


def test_damage_that_comes_while_it_is_open_is_outlived(tmp_path: Path) -> None:
    path = tmp_path / "box"
    box = Outbox(path, 1000, DAY)
    for _ in range(400):  # more than SQLite keeps in memory
        box.put("topic", os.urandom(8000))
    seen = box.after(0, 1000)[-1].id
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(size - 8192))
    assert box.after(0, 1000) == []
    box.put("topic", b"new")
    assert [letter.payload for letter in box.after(seen, 10)] == [b"new"]
    assert (len(box), box.dropped) == (1, 400)
    assert path.with_name("box.damaged").exists()
    box.close()


def test_where_the_disk_takes_no_file_messages_wait_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "box").mkdir()  # stands for a disk that is read-only: no file can be opened
    box = filled(tmp_path / "box", 2)
    box.remove([box.after(0, 1)[0].id])
    assert (payloads(box), len(box)) == ([b"1"], 1)
    box.close()
    (told,) = caplog.records
    assert "box: unable to open database file; events wait in memory" in told.getMessage()


_FILL_AND_DIE = """
import os, signal, sys
from pathlib import Path
from agent.feedback.outbox import Outbox
box = Outbox(Path(sys.argv[1]), 1000, 86400.0)
for number in range(200):
    box.put("topic", b"%d" % number)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_put_is_there_after_kill_9(tmp_path: Path, project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FILL_AND_DIE, str(tmp_path / "box")],
        env=os.environ | {"PYTHONPATH": str(project)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    box = Outbox(tmp_path / "box", 1000, DAY)
    assert payloads(box) == [b"%d" % number for number in range(200)]
