"""Headless Chromium, the one that the system has, driven by Playwright: what a page says and asks for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 120_000  # milliseconds; other work on the machine is no failure


class Tab:
    """One tab, with the address of everything it asked for, and every error and warning, uncaught ones included."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._said)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self.complaints.append(message.text)

    def open(self, path: Path) -> None:
        """Load a file, with all that it loads."""
        self.page.goto(path.as_uri())

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; of a promise, what it comes to."""
        return self.page.evaluate(expression)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, ended afterwards."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, timeout=PATIENCE, args=["--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def tab(browser: Browser, width: int = 1280, height: int = 900, **options: Any) -> Iterator[Tab]:
    """A tab that knows nothing of the others; `options` are those of a context, such as `color_scheme`."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    try:
        yield Tab(context.new_page())
    finally:
        context.close()
