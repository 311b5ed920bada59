"""The page in a browser: opened in tabs, and looked at."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from waiting import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}


class Tabs:
    """Opens pages in tabs of their own, and collects what the browser reports as an error."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self.errors: list[str] = []

    def open(
        self,
        page: Any,
        viewport: ViewportSize = DESKTOP,
        scheme: Literal["light", "dark"] = "light",
        path: str = "/",
        *,
        filled: bool = True,
        prepare: Callable[[Page], object] = lambda tab: None,
    ) -> Page:
        """A tab with the page. `prepare` is called with the empty tab."""
        context = self._browser.new_context(viewport=viewport, color_scheme=scheme, has_touch=viewport is PHONE)
        self._contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: self.errors.append(str(error)))
        tab.on("console", self._note)
        prepare(tab)
        tab.goto(page.url + path)
        if filled:
            tab.wait_for_selector("[data-metric='return'] canvas")
            tab.wait_for_selector("#facts dd")
        return tab

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _note(self, message: ConsoleMessage) -> None:
        # A server that is gone is no error of the page itself.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.errors.append(message.text)


def until(tab: Page, expression: str) -> None:
    """Wait until a JavaScript expression is true. Playwright's own wait needs eval, which the page forbids."""
    wait_for(expression, lambda: tab.evaluate(expression))


def until_text(tab: Page, selector: str, text: str) -> None:
    """Wait until the text of the element contains this."""
    until(tab, f"document.querySelector({selector!r}).textContent.includes({text!r})")


def curve(name: str = "return") -> str:
    """JavaScript for the first and last position that a chart shows, as `from` and `to`."""
    return f"document.querySelector(\"[data-metric='{name}'] .plot\").dataset"


def shown(tab: Page) -> Any:
    """First and last position that the chart of the return shows."""
    return tab.evaluate(f"[Number({curve()}.from), Number({curve()}.to)]")


def screenshot(tab: Page, name: str) -> None:
    """Keep a screenshot, if the variable SOULSAI_SCREENSHOTS names a folder."""
    if folder := os.environ.get("SOULSAI_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        tab.wait_for_timeout(600)
        tab.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
