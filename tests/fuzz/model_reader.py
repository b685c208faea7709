"""Opens damaged model files for as long as it lives, apart: what is damaged may end a process.

Reads lines of JSON (edits as in `tests.fuzz.edits`) and answers each with `read`, `refused: ` and
why, or `raised: ` and what. The file's hash is not checked. A file that takes more than a minute
ends this process.
"""

from __future__ import annotations

import faulthandler
import json
import sys
from pathlib import Path

import numpy as np

from agent.emotion import manifest
from agent.errors import AgentError
from agent.runtimes import tflite
from tests.fuzz.edits import damaged


def _opened(folder: Path, path: Path) -> str:
    setattr(tflite, "checked_file", lambda *_: path)  # noqa: B010
    side = manifest.read(folder).input.side
    try:
        runtime = tflite.TfliteRuntime(manifest.read(folder), folder)
        probabilities = runtime.predict(np.zeros((1, side, side), np.uint8))
    except AgentError as error:
        return f"refused: {error}"
    except Exception as error:
        return f"raised: {error!r}"
    return "read" if probabilities.shape == (1, 8) else f"raised: {probabilities.shape}"


def _answer_all(folder: Path, draft: Path) -> None:
    content = (folder / "model-int8.tflite").read_bytes()
    for line in sys.stdin:
        edits = [(kind, where, bytes.fromhex(text)) for kind, where, text in json.loads(line)]
        draft.write_bytes(damaged(content, edits))
        faulthandler.dump_traceback_later(60, exit=True)
        answer = _opened(folder, draft)
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _answer_all(Path(sys.argv[1]), Path(sys.argv[2]))
