"""The page in a real browser, over an agent that reads real footage."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from agent.feedback.web.credentials import hashed
from tests.browsers.chromium import Visitor, chromium
from tests.patience import PATIENCE
from tests.sound_card import Card

DemoFile = Callable[[str], Path]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    visitor.close()


class Agent:
    """`emotion-agent run` over a film, with its page; it keeps its port over a restart."""

    def __init__(self, folder: Path, film: Path, card: Card) -> None:
        self.folder = folder
        self._film = film
        self._card = card
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.log = folder / "log"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self, *more: str) -> None:
        """Start it; returns when the page is there."""
        settings = {"web.enabled": "true", "web.port": str(self.port), "audio.enabled": "true"}
        command = [sys.executable, "-m", "agent.cli", "run", "--source", str(self._film)]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        for one in more:
            command += ["--set", one]
        environment = os.environ | {
            "STATE_DIRECTORY": str(self.folder),
            "ALSA_CONFIG_PATH": str(self._card.configuration),
        }
        self.log.write_bytes(b"")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        found: list[str] = []
        end = monotonic() + PATIENCE
        while not found:
            assert self._process.poll() is None, self.log.read_text()
            assert monotonic() < end, self.log.read_text()
            found = re.findall(r"the page is at http://127\.0\.0\.1:(\d+)/", self.log.read_text())
            sleep(0.05)
        self.port = int(found[0])

    def end(self, number: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None


@pytest.fixture
def agent(tmp_path: Path, demo_file: DemoFile) -> Iterator[Agent]:
    card = Card(tmp_path)
    card.connect_paced()
    agent = Agent(tmp_path, demo_file("single_face.mp4"), card)
    yield agent
    agent.end(signal.SIGKILL)


def is_on(visitor: Visitor, switch: str) -> bool:
    return visitor.page.locator(switch).get_attribute("aria-checked") == "true"


def test_the_page_shows_a_run_and_comes_back_when_the_agent_does(
    agent: Agent, visitor: Visitor
) -> None:
    agent.start()
    visitor.visit(agent.address)
    visitor.until(lambda: visitor.text("#connection") == "Live")
    visitor.until(lambda: visitor.text("#emotion") == "happiness")
    assert "1 face" in visitor.text("#faces")
    first = visitor.picture()
    visitor.until(lambda: 0 != visitor.picture() != first)
    visitor.until(lambda: visitor.page.locator("#timeline rect.happiness").count() > 0)
    visitor.until(lambda: "happiness" in visitor.text("#events"))
    visitor.until(lambda: re.match(r"[\d.]+ fps", visitor.text("#figures dd >> nth=0")))
    assert "source ok" in visitor.text("#health")
    assert visitor.errors == []

    events = visitor.page.locator("#events li").count()
    agent.end(signal.SIGKILL)
    visitor.until(lambda: "away" in visitor.text("#connection"))
    agent.start()
    visitor.until(lambda: visitor.text("#connection") == "Live")
    visitor.until(lambda: visitor.picture() != 0)
    again = visitor.picture()
    visitor.until(lambda: 0 != visitor.picture() != again)
    visitor.until(lambda: visitor.page.locator("#events li").count() > events)
    # The browser itself tells that it could not reach the agent, and nothing else.
    assert [error for error in visitor.errors if "net::ERR" not in error] == []
    agent.end()
    assert "Traceback" not in agent.log.read_text()


def test_switches_and_cues_do_what_they_say(agent: Agent, visitor: Visitor) -> None:
    agent.start("audio.emotions=contempt")
    card = agent._card
    visitor.visit(agent.address)
    visitor.until(lambda: visitor.text("#connection") == "Live")
    visitor.page.get_by_role("button", name="fear", exact=True).click()
    visitor.until(lambda: "fear" in card.heard)

    visitor.page.get_by_role("switch", name="Mute").click()
    visitor.until(lambda: is_on(visitor, "#mute"))
    visitor.page.get_by_role("button", name="anger", exact=True).click()
    visitor.until(lambda: "the sound is off" in visitor.text("#message"))
    visitor.page.get_by_role("switch", name="Mute").click()
    visitor.until(lambda: not is_on(visitor, "#mute"))
    visitor.page.get_by_role("button", name="sadness", exact=True).click()
    visitor.until(lambda: "sadness" in card.heard)
    assert "anger" not in card.heard

    visitor.page.get_by_role("switch", name="Pause camera").click()
    visitor.until(lambda: visitor.text("#connection") == "Camera off")
    visitor.until(lambda: visitor.text("#no-picture") == "The camera is off")
    assert visitor.text("#emotion") == "camera off"
    visitor.page.get_by_role("switch", name="Pause camera").click()
    visitor.until(lambda: visitor.text("#connection") == "Live")
    visitor.until(lambda: visitor.picture() != 0)
    assert visitor.errors == []


def test_the_picture_is_asked_for_only_while_it_is_shown(agent: Agent, visitor: Visitor) -> None:
    def viewers() -> float:
        text = visitor.page.request.get(f"{agent.address}metrics").text()
        found = re.search(r'web_clients{kind="preview"} ([\d.]+)', text)
        assert found is not None
        return float(found[1])

    agent.start()
    visitor.visit(agent.address)
    visitor.until(lambda: visitor.picture() != 0)
    assert viewers() == 1
    visitor.page.get_by_role("switch", name="Show").click()
    visitor.until(lambda: viewers() == 0)
    visitor.page.get_by_role("switch", name="Show").click()
    visitor.until(lambda: visitor.picture() != 0)
    visitor.page.get_by_role("switch", name="Blur faces").click()
    visitor.until(lambda: "blur=1" in str(visitor.value("document.images[1].src")))
    visitor.until(lambda: visitor.picture() != 0)
    visitor.until(lambda: viewers() == 1)
    assert visitor.errors == []


def test_time_is_zoomed_and_settings_are_found_by_keyboard(agent: Agent, visitor: Visitor) -> None:
    agent.start()
    visitor.visit(agent.address)
    visitor.until(lambda: visitor.page.locator("#timeline rect.happiness").count() > 0)
    label = visitor.page.locator("#timeline svg")
    before = label.get_attribute("aria-label")
    visitor.page.locator("#zoom-in").focus()
    for _ in range(2):
        visitor.page.keyboard.press("Enter")
    visitor.until(lambda: label.get_attribute("aria-label") != before)
    visitor.page.locator("#earlier").focus()
    visitor.page.keyboard.press("Space")
    visitor.until(lambda: visitor.page.locator("#follow").get_attribute("aria-pressed") == "false")
    visitor.page.locator("#settings-details summary").focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.locator("#find").fill("web.port")
    visitor.until(lambda: visitor.page.locator("#settings tbody tr:visible").count() == 1)
    assert "8765" in visitor.text("#settings tbody tr:visible")
    assert visitor.errors == []


def test_there_is_no_serious_fault_of_accessibility(agent: Agent, browser: Browser) -> None:
    agent.start()
    for scheme, width in itertools.product(("light", "dark"), (1280, 390)):
        visitor = Visitor(browser, color_scheme=scheme, viewport={"width": width, "height": 844})
        _open_everything(visitor, agent.address)
        _assert_accessible(visitor)
        sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert visitor.value(sideways) == 0
        visitor.close()


def _open_everything(visitor: Visitor, address: str) -> None:
    visitor.visit(address)
    visitor.until(lambda: visitor.page.locator("#timeline rect.happiness").count() > 0)
    for details in visitor.page.locator("summary").all():
        details.click()
    visitor.until(lambda: visitor.page.locator("#settings tbody tr").count() > 20)


def _assert_accessible(visitor: Visitor) -> None:
    found = Axe().run(visitor.page).response["violations"]
    serious = [
        (fault["id"], [node["html"] for node in fault["nodes"]])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_password_is_asked_for_and_opens_the_page(agent: Agent, visitor: Visitor) -> None:
    agent.start(f"web.password_hash={hashed('correct horse')}")
    visitor.visit(agent.address)
    visitor.page.get_by_label("Password").fill("wrong horse")
    _assert_accessible(visitor)
    visitor.page.get_by_role("button", name="Log in").click()
    visitor.until(lambda: visitor.text("#message") == "wrong password")
    visitor.page.get_by_label("Password").fill("correct horse")
    visitor.page.get_by_role("button", name="Log in").click()
    visitor.until(lambda: visitor.page.url == agent.address)
    visitor.until(lambda: visitor.text("#connection") == "Live")
    visitor.until(lambda: visitor.picture() != 0)
    visitor.page.get_by_role("button", name="Log out").click()
    visitor.until(lambda: visitor.page.url.endswith("/login"))
    assert [error for error in visitor.errors if "401" not in error] == []
