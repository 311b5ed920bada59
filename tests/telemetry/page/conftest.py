"""A browser for the tests of each module, and pages to look at.

Needs Debian's `chromium` and PyPI's `playwright`. On a build server (CI is set) a missing browser is a failure.
"""

import os

import pytest
from browsing import Tabs

from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.page import Page


# Not for the whole session: while it runs, this thread has an event loop, and other tests start their own.
@pytest.fixture(scope="module")
def browser(needs):
    if os.environ.get("CI"):
        import playwright.sync_api as api
    else:
        api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=needs("chromium"), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def learned_page(learned):
    """The page of a run of 400 episodes, which tests may only look at."""
    _, node = learned
    page = Page(node, PageSettings())
    page.listen()
    node._observers.register("page", page)
    yield page
    page.close()


@pytest.fixture
def served(training, start, two_clients, learning):
    """Starts a node with a page, and a run with some episodes, which a test may change."""
    pages = []

    def serve(episodes=10, **settings):
        learning(training, range(episodes))
        node = training.node(moving_average=50)
        page = Page(node, PageSettings(**settings))
        page.listen()
        pages.append(page)
        node._observers.register("page", page)
        two_clients(training)
        running = start(node)
        running.until(lambda: node.history.episodes == episodes and node.status is not None)
        return page

    yield serve
    for page in pages:
        page.close()


@pytest.fixture
def tabs(browser):
    """Opens pages in tabs. An error that the browser reports fails the test."""
    opened = Tabs(browser)
    yield opened
    opened.close()
    assert opened.errors == []
