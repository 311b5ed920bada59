"""The page in a real browser: clicked through, by mouse, keyboard and on a phone.

If SOULSAI_SCREENSHOTS names a folder, screenshots are kept there.
"""

import pytest
from browsing import DESKTOP, PHONE, curve, screenshot, shown, until, until_text

from soulsai_core import ClientInfo, ClientStatus
from soulsai_core.messages import SettingChange

TOKEN = "hush-hush-hush-hush"


@pytest.mark.parametrize(("name", "viewport", "scheme"), [("desktop", DESKTOP, "light"), ("phone", PHONE, "dark")])
def test_page_shows_the_run_on_any_screen_in_light_and_dark(learned_page, tabs, name, viewport, scheme):
    tab = tabs.open(learned_page, viewport, scheme)
    assert tab.locator("h1").inner_text() == "Lander"
    assert 150 < float(tab.locator("#lead").inner_text()) < 260
    assert tab.locator("#facts").inner_text().split("\n")[:2] == ["Episodes", "400"]
    assert "65.3% of 150,000 steps" in tab.locator("#goal-note").inner_text()
    metrics = [card.get_attribute("data-metric") for card in tab.locator("#metrics .chart").all()]
    assert metrics == ["return", "length", "seconds", "landed", "fuel", "epsilon"]
    assert tab.locator("#clients tr").count() == 2
    for text in ("12 stale", "50.0%", "version 0.1", "1 restart of the environment"):
        assert text in tab.locator("#clients").inner_text()
    assert tab.evaluate("document.documentElement.scrollWidth") == viewport["width"], "it scrolls sideways"
    screenshot(tab, f"{name}-{scheme}")


def test_new_episodes_appear_without_a_reload(served, tabs, training):
    tab = tabs.open(served())
    training.report_returns(*[1000.0] * 60)
    lead = "document.querySelector('#lead').textContent === '1,000'"  # of the last ones, so not of all 60
    until(tab, f"{lead} && Number({curve()}.to) === 70")


def test_dragging_zooms_all_charts_and_a_double_click_shows_everything_again(learned_page, tabs):
    tab = tabs.open(learned_page)
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


def test_keyboard_alone_reaches_and_zooms_everything(learned_page, tabs):
    tab = tabs.open(learned_page)
    reached = []
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.append(
            tab.evaluate("(({id, name, className}) => [id, name, className].join(' '))(document.activeElement)")
        )
    text = "\n".join(reached)
    for part in ("skip", "theme", "smoothing", "scale", "axis", "range", "plot"):
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


def test_part_and_axis_of_the_curves_can_be_chosen(learned_page, tabs):
    tab = tabs.open(learned_page, PHONE)
    tab.get_by_role("radio", name="Last tenth").tap()
    until(tab, f"Number({curve()}.from) > 350")
    tab.get_by_role("radio", name="All").tap()
    until(tab, f"Number({curve()}.from) === 1")
    tab.get_by_role("radio", name="Steps", exact=True).tap()
    until(tab, f"Number({curve()}.to) > 50000")
    tab.get_by_role("radio", name="Log steps").tap()
    until(tab, f"{curve()}.scale === 'logarithmic'")
    tab.locator("[data-metric='return'] .plot").focus()
    tab.keyboard.press("+")
    until(tab, f"1 < Number({curve()}.from) && Number({curve()}.to) < 50000")
    tab.keyboard.press("Escape")
    tab.get_by_role("radio", name="Time").tap()
    until(tab, f"Number({curve()}.to) > 1e9")


def test_smoothing_and_a_logarithmic_axis_can_be_chosen(learned_page, tabs):
    tab = tabs.open(learned_page)
    lead = tab.locator("#lead").inner_text()
    tab.locator("#smoothing").select_option("10")
    until_text(tab, "[data-metric='return'] .current", "mean of the last 10")
    assert (tab.locator("#lead").inner_text(), tab.locator("#lead-note").inner_text()) == (
        lead,
        "mean of the last 50 episodes",
    )
    tab.get_by_role("radio", name="Log", exact=True).click()
    until_text(tab, "[data-metric='return'] .values", "logarithmic in both directions")
    assert "logarithmic" not in tab.locator("[data-metric='length'] .values").inner_text()


def test_cursor_shows_the_values(learned_page, tabs):
    tab = tabs.open(learned_page)
    box = tab.locator("[data-metric='return'] .u-over").bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 50)
    until(tab, "document.querySelector(\"[data-metric='return'] .values\").textContent.startsWith('episode 2')")
    assert tab.locator("[data-metric='fuel'] .values").inner_text().startswith("episode 2")


def test_curves_of_other_runs_are_drawn_as_well(learned_page, tabs):
    tab = tabs.open(learned_page)
    tab.locator("#runs-box > summary").click()
    tab.get_by_label("Compare run-0").check()
    until_text(tab, "[data-metric='return'] .values", "run-0")
    screenshot(tab, "compare")
    tab.get_by_label("Compare run-0").uncheck()
    until(tab, "!document.querySelector(\"[data-metric='return'] .values\").textContent.includes('run-0')")


def test_what_else_is_known_can_be_unfolded(learned_page, tabs):
    tab = tabs.open(learned_page)
    tab.locator("#log-box summary").click()
    until_text(tab, "#log", "Joined run-1")
    tab.locator("#config-box summary").click()
    assert 'algorithm:\n  name: "dqn"' in tab.locator("#config").inner_text()
    tab.locator("#happened-box summary").click()
    assert "The training started." in tab.locator("#happened").inner_text()
    tab.locator("#learner-box summary").click()
    tab.wait_for_selector("[data-metric='learner.loss'] canvas")


def test_colors_can_be_chosen_and_are_remembered(learned_page, tabs):
    tab = tabs.open(learned_page)
    light = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    for _ in range(2):  # automatic, light, dark
        tab.locator("#theme").click()
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != light
    tab.reload()
    assert tab.evaluate("document.documentElement.dataset.theme") == "dark"
    assert tab.locator("#theme").get_attribute("aria-label") == "Dark: colors dark"


# -- saving


def test_quicksave_asks_for_the_token_once_and_shows_the_path(served, tabs, training):
    training.answer_commands(detail="saves/run-1/manual_save/iteration-7")
    tab = tabs.open(served(token=TOKEN))
    tab.locator("#quicksave").click()
    tab.locator("#token").fill(TOKEN)
    screenshot(tab, "token")
    tab.locator("#token-form button[type=submit]").click()
    tab.wait_for_selector("#toast:not([hidden])")
    assert tab.locator("#toast").inner_text() == "Saved to saves/run-1/manual_save/iteration-7"
    assert tab.evaluate("document.activeElement.id") == "quicksave"
    tab.locator("#quicksave").click()
    until(tab, "document.querySelector('#quicksave').getAttribute('aria-disabled') === 'false'")
    assert training.commands.count("quicksave") == 2


def test_wrong_token_is_explained_and_can_be_entered_again(served, tabs, training):
    tab = tabs.open(served(token=TOKEN))
    for _ in range(2):
        tab.locator("#quicksave").click()
        tab.locator("#token").fill("wrong")
        tab.keyboard.press("Enter")
        until_text(tab, "#toast", "not the page's token")
        until(tab, "document.querySelector('#quicksave').getAttribute('aria-disabled') === 'false'")
    assert training.commands == []


# -- changing settings


def change(name, before, after, *, undoes=False):
    return SettingChange(1.7e9, f"algorithm.config.{name}", before, after, "ann on pc", 1520, 98_000, undoes)


def test_setting_is_changed_and_undone_and_what_was_changed_is_listed(served, tabs, training, two_clients):
    training.answer_commands(detail="algorithm.config.epsilon.end: 0.02 -> 0.5\nIn force from iteration 9 on.")
    page = served(token=TOKEN)
    two_clients(training, changes_from_page=True)
    tab = tabs.open(page)
    tab.locator("#settings-box summary").click()
    tab.wait_for_selector("#settings-form:not([hidden])")
    tab.locator("#setting-name").select_option("algorithm.config.epsilon.end")
    assert tab.locator("#setting-value").input_value() == "0.02"
    tab.locator("#setting-value").fill("0.5")
    tab.keyboard.press("Enter")
    tab.locator("#token").fill(TOKEN)
    tab.keyboard.press("Enter")
    until_text(tab, "#settings-answer", "0.02 → 0.5\nIn force from iteration 9 on.")
    assert training.options[-1]["settings"] == ["algorithm.config.epsilon.end=0.5"]
    assert tab.evaluate("document.activeElement.id") == "setting-change"
    made = [change("epsilon.end", 0.02, 0.5), change("gamma", 0.9, 0.99)]
    changed = {"changes": tuple(made), "live_settings": {"algorithm.config.epsilon": {"start": 1.0, "end": 0.5}}}
    two_clients(training, changes_from_page=True, **changed)
    until_text(tab, "#undo", "gamma back to 0.9")
    until_text(tab, "#setting-now", "now 0.5")
    assert "algorithm.config.gamma: 0.9 → 0.99 by ann on pc" in tab.locator("#changes li").first.inner_text()
    tab.locator("#undo").click()
    until(tab, "document.querySelector('#undo').getAttribute('aria-disabled') === 'false'")
    assert training.commands[-1] == "set_back"
    changed["changes"] = (*made, change("gamma", 0.99, 0.9, undoes=True))
    two_clients(training, changes_from_page=True, **changed)
    until_text(tab, "#undo", "epsilon.end back to 0.02")
    screenshot(tab, "settings")


def test_page_without_token_or_leave_says_how_settings_are_changed(served, tabs, training, two_clients):
    tab = tabs.open(served(token=TOKEN))
    tab.locator("#settings-box summary").click()
    until_text(tab, "#settings-how", "training.changes_from_page=true")
    assert tab.locator("#settings-how code").inner_text() == "soulsai set NAME=VALUE"
    assert not tab.locator("#settings-form").is_visible()


def test_markup_in_a_change_is_text(served, tabs, training, two_clients):
    markup = "<img src=x onerror=alert(1)>"
    page = served()
    two_clients(training, changes=(change(markup, markup, {markup: markup}),), live_settings={markup: markup})
    tab = tabs.open(page)
    tab.locator("#settings-box summary").click()
    until_text(tab, "#changes", "<img")
    assert tab.locator("main img").count() == 0


# -- what a run may contain


def test_page_opened_before_the_first_episode_is_filled_later(served, tabs, training):
    tab = tabs.open(served(episodes=0), filled=False)
    tab.wait_for_selector("#metrics .empty")
    assert tab.locator("#lead").inner_text() == "–"
    training.report_returns(5.0, 7.0)
    until(tab, "document.querySelector('#lead').textContent === '6.00'")


def test_names_of_clients_and_metrics_are_shown_as_text(served, tabs, training, two_clients):
    page = served()
    markup = "<img src=x onerror=alert(1)>"
    training.report_returns(1.0, client=markup, metrics={markup: 1.0})
    two_clients(training, clients=[ClientStatus(ClientInfo(markup, markup), 1, {markup: 1})])
    tab = tabs.open(page)
    until_text(tab, "#clients", "<img")
    assert tab.locator("main img").count() == 0
