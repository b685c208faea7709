"""Debian's Chromium, driven as a person would, and what it complained about."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.patience import PATIENCE


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window; skips the test where there is none."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium here: scripts/setup-system test installs it")
    with sync_playwright() as playwright:
        # Its own sandbox needs rights that containers seldom have.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """One page in a browser, and everything that its console said."""

    def __init__(self, browser: Browser, **context: Any) -> None:
        self._context = browser.new_context(**context)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(1000 * PATIENCE)
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type == "error" else None,
        )

    def close(self) -> None:
        self._context.close()

    def visit(self, address: str) -> None:
        # An endless picture and an endless stream: the page never ends loading.
        self.page.goto(address, wait_until="commit")

    def text(self, selector: str) -> str:
        return self.page.locator(selector).inner_text()

    def value(self, script: str) -> Any:
        """What a script says of the page."""
        return self.page.evaluate(script)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition; the policy of the page forbids the browser to do it by itself."""
        end = monotonic() + PATIENCE
        while not condition():
            assert monotonic() < end, "nothing happened on the page"
            self.page.wait_for_timeout(50)

    def picture(self) -> int:
        """A number that changes as the picture does; 0 without one."""
        return int(self.value(_LOOK))


_LOOK = """() => {
  const picture = document.getElementById("picture");
  if (picture.hidden || !picture.naturalWidth) return 0;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 48];
  const pen = canvas.getContext("2d");
  pen.drawImage(picture, 0, 0, 64, 48);
  return pen.getImageData(0, 0, 64, 48).data.reduce((sum, one, i) => sum + one * (1 + i % 251), 0);
}"""
