"""The page in a real browser: clicked through, by mouse, keyboard and on a phone.

Needs Debian's `chromium` and PyPI's `playwright`. On a build server (CI is set) a missing browser is a failure. If
SOULSAI_SCREENSHOTS names a folder, screenshots are kept there.
"""

import math
import os
import random
import time
from pathlib import Path

import pytest

from soulsai_core import ClientInfo, ClientStatus
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.page import Page

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


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


@pytest.fixture
def served(training, start):
    """Starts a node with a page, and a run of 400 episodes that learned."""
    pages = []

    def serve(episodes=400, **settings):
        rng = random.Random(0)
        (training.folder / "logs").mkdir()
        (training.folder / "logs" / "client-1.log").write_text("12:00:00 INFO Joined run-1.\n")
        returns = [-250 + 480 / (1 + math.exp(-(i - 170) / 45)) + rng.gauss(0, 45) for i in range(episodes)]
        for i, value in enumerate(returns):
            length = int(90 + max(0, value) * 1.5 + rng.random() * 60)
            training.report_returns(
                value, length=length, seconds=length / 50, client=f"pc-{i % 2}", metrics={"fuel": rng.random()}
            )
        node = training.node(moving_average=50, metrics={"landed": {"condition": "> 100"}})
        page = Page(node, PageSettings(**settings))
        page.listen()
        pages.append(page)
        node._observers.register("page", page)
        write_status(training)
        running = start(node)
        running.until(lambda: node.history.episodes == episodes and node.status is not None)
        return page

    yield serve
    for page in pages:
        page.close()


def write_status(training, **changes):
    infos = [ClientInfo(f"pc-{i}", f"gaming-pc-{i}", 50_000, 200, 25.0, restarts=i) for i in range(2)]
    clients = [ClientStatus(infos[0], 49_000), ClientStatus(infos[1], 49_000, {"stale": 12})]
    values = {"clients": clients, "env_steps": 98_000, "goal_env_steps": 150_000, "iteration": 1520}
    training.write_status(**{**values, **changes})


@pytest.fixture
def show(browser):
    """Opens the page in a tab. An error that the browser reports fails the test."""
    opened = []

    def show(page, viewport=DESKTOP, scheme="light", path="/"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme, has_touch=viewport is PHONE)
        tab = context.new_page()
        errors = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda message: errors.append(message.text) if is_page_error(message) else None)
        opened.append((context, errors))
        tab.goto(page.url + path)
        tab.wait_for_selector("[data-metric='return'] canvas")
        tab.wait_for_selector("#facts dd")
        return tab

    yield show
    for context, errors in opened:
        context.close()
        assert errors == []


def is_page_error(message):
    """True for an error of the page itself; false if its server is gone."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def until(tab, expression):
    """Wait until a JavaScript expression is true. Playwright's own wait needs eval, which the page forbids."""
    deadline = time.monotonic() + 120
    while not tab.evaluate(expression):
        assert time.monotonic() < deadline, f"not true in time: {expression}"
        time.sleep(0.05)


def curve(name="return"):
    """JavaScript for the first and last position that a chart shows, as `from` and `to`."""
    return f"document.querySelector(\"[data-metric='{name}'] .plot\").dataset"


def screenshot(tab, name):
    """Keep a screenshot, if the variable SOULSAI_SCREENSHOTS names a folder."""
    if folder := os.environ.get("SOULSAI_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        tab.wait_for_timeout(600)
        tab.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)


def shown(tab):
    """First and last position that the chart of the return shows."""
    return tab.evaluate(f"[Number({curve()}.from), Number({curve()}.to)]")


@pytest.mark.parametrize(("name", "viewport", "scheme"), [("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")])
def test_page_shows_the_run_on_any_screen_in_light_and_dark(served, show, name, viewport, scheme):
    tab = show(served(), viewport, scheme)
    assert tab.locator("h1").inner_text() == "Lander"
    assert 150 < float(tab.locator("#lead").inner_text()) < 260
    assert tab.locator("#facts").inner_text().split("\n")[:2] == ["Episodes", "400"]
    assert "65 % of 150,000 steps" in tab.locator("#goal-note").inner_text()
    metrics = [card.get_attribute("data-metric") for card in tab.locator("#metrics .chart").all()]
    assert metrics == ["return", "length", "seconds", "landed", "fuel"]
    assert tab.locator("#clients tr").count() == 2
    assert "12 stale" in tab.locator("#clients").inner_text()
    assert "running" in tab.locator("#state").inner_text()
    assert tab.evaluate("document.documentElement.scrollWidth") == viewport["width"], "it scrolls sideways"
    screenshot(tab, f"{name}-{scheme}")


def test_new_episodes_appear_without_a_reload(served, show, training):
    tab = show(served(episodes=10))
    training.report_returns(*[1000.0] * 60)
    lead = "document.querySelector('#lead').textContent === '1,000'"  # of the last ones, so not of all 60
    until(tab, f"{lead} && Number({curve()}.to) === 70")


def test_page_follows_the_state_of_the_training_node(served, show, training):
    tab = show(served(episodes=10))
    write_status(training, state="stopping")
    until(tab, "document.querySelector('#state').textContent.includes('ended')")


def test_page_says_that_the_telemetry_node_is_gone_and_finds_it_again(served, show, training):
    page = served(episodes=10)
    tab = show(page)
    port = int(page.url.rpartition(":")[2])
    page.close()
    until(tab, "document.querySelector('#state').textContent === 'no connection'")
    again = Page(page._node, PageSettings(port=port))
    again.listen()
    try:
        until(tab, "document.querySelector('#state').textContent !== 'no connection'")
    finally:
        again.close()


def test_dragging_zooms_all_charts_and_a_double_click_shows_everything_again(served, show):
    tab = show(served())
    box = tab.locator("[data-metric='return'] .u-over").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 40)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=5)
    tab.mouse.up()
    until(tab, f"Number({curve('fuel')}.to) < 250")
    first, last = shown(tab)
    assert 80 < first < 120
    assert 180 < last < 220
    tab.locator("[data-metric='length'] .u-over").dblclick()
    until(tab, f"Number({curve()}.to) === 400")


def test_keyboard_alone_reaches_and_zooms_everything(served, show):
    tab = show(served())
    reached = []
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate("(({id, name, className}) => [id, name, className].join(' '))(document.activeElement)")
        )
    text = "\n".join(reached)
    for part in ("skip", "theme", "axis", "range", "plot"):
        assert part in text, f"{part} is not reached with Tab"
    tab.locator("[data-metric='return'] .plot").focus()
    for key, expected in (("+", 200), ("+", 100), ("-", 200)):
        tab.keyboard.press(key)
        until(tab, f"Math.abs((d => d.to - d.from)({curve()}) - {expected}) < 5")
    before = shown(tab)[0]
    tab.keyboard.press("ArrowLeft")
    until(tab, f"Number({curve()}.from) < {before}")
    tab.keyboard.press("Escape")
    until(tab, f"Number({curve()}.to) === 400")


def test_last_part_can_be_chosen_by_touch(served, show):
    tab = show(served(), PHONE)
    tab.get_by_role("radio", name="Last tenth").tap()
    until(tab, f"Number({curve()}.from) > 350")
    tab.get_by_role("radio", name="All").tap()
    until(tab, f"Number({curve()}.from) === 1")


def test_horizontal_axis_can_be_steps_or_time(served, show):
    tab = show(served())
    tab.get_by_role("radio", name="Steps").click()
    until(tab, f"Number({curve()}.to) > 50000")
    tab.get_by_role("radio", name="Time").click()
    until(tab, f"Number({curve()}.to) > 1e9")


def test_cursor_shows_the_values(served, show):
    tab = show(served())
    box = tab.locator("[data-metric='return'] .u-over").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    until(tab, "document.querySelector(\"[data-metric='return'] .values\").textContent.startsWith('episode 2')")
    assert "in this episode" in tab.locator("[data-metric='return'] .values").inner_text()
    assert tab.locator("[data-metric='fuel'] .values").inner_text().startswith("episode 2")


def test_log_and_configuration_can_be_read(served, show):
    tab = show(served(episodes=20))
    tab.locator("#log-box summary").click()
    until(tab, "document.querySelector('#log').textContent.includes('Joined run-1')")
    tab.locator("#config-box summary").click()
    assert 'algorithm:\n  name: "dqn"' in tab.locator("#config").inner_text()


def test_numbers_of_the_learner_can_be_unfolded(served, show):
    tab = show(served(episodes=20))
    tab.locator("#learner-box summary").click()
    tab.wait_for_selector("[data-metric='learner.loss'] canvas")


def test_colors_can_be_chosen_and_are_remembered(served, show):
    tab = show(served(episodes=20))
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    for _ in range(2):  # automatic, light, dark
        tab.locator("#theme").click()
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != light
    tab.reload()
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.locator("#theme").get_attribute("aria-label") == "Colors: dark"


# -- saving


def test_without_a_token_the_page_is_read_only(served, show):
    assert not show(served(episodes=10)).locator("#quicksave").is_visible()


def test_quicksave_asks_for_the_token_once_and_shows_the_path(served, show, training):
    training.answer_commands(detail="saves/run-1/manual_save/iteration-7")
    tab = show(served(episodes=10, token="hush"))
    tab.locator("#quicksave").click()
    tab.locator("#token").fill("hush")
    screenshot(tab, "token")
    tab.locator("#token-form button[type=submit]").click()
    tab.wait_for_selector("#toast:not([hidden])")
    assert tab.locator("#toast").inner_text() == "Saved to saves/run-1/manual_save/iteration-7"
    tab.locator("#quicksave").click()
    until(tab, "document.querySelector('#quicksave').disabled === false")
    assert training.commands.count("quicksave") == 2


def test_wrong_token_is_explained_and_can_be_entered_again(served, browser, training):
    page = served(episodes=10, token="hush")
    tab = browser.new_page()
    tab.goto(page.url)
    for _ in range(2):
        tab.locator("#quicksave").click()
        tab.locator("#token").fill("wrong")
        tab.keyboard.press("Enter")
        until(tab, "document.querySelector('#toast').textContent.includes('needs the token')")
        until(tab, "document.querySelector('#quicksave').disabled === false")
    assert training.commands == []
    tab.close()


def test_link_may_carry_the_token_and_the_address_bar_hides_it(served, show, training):
    training.answer_commands()
    tab = show(served(episodes=10, token="hush"), path="/#token=hush")
    assert "hush" not in tab.url
    tab.locator("#quicksave").click()
    tab.wait_for_selector("#toast:not([hidden])")
    assert training.commands.count("quicksave") == 1


# -- what a run may contain


def test_page_opened_before_the_first_episode_is_filled_later(served, browser, training):
    page = served(episodes=0)
    tab = browser.new_page()
    tab.goto(page.url)
    tab.wait_for_selector("#metrics .empty")
    assert tab.locator("#lead").inner_text() == "–"
    training.report_returns(5.0, 7.0)
    until(tab, "document.querySelector('#lead').textContent === '6'")
    tab.close()


def test_names_of_clients_and_metrics_are_shown_as_text(served, show, training):
    page = served(episodes=10)
    markup = "<img src=x onerror=alert(1)>"
    training.report_returns(1.0, client=markup, metrics={markup: 1.0})
    write_status(training, clients=[ClientStatus(ClientInfo(markup, markup), 1, {markup: 1})])
    tab = show(page)
    until(tab, "document.querySelector('#clients').textContent.includes('<img')")
    assert tab.locator("main img").count() == 0
