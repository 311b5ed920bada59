"""The page for everybody: axe finds nothing, changes are announced, targets are large, and colors can be told apart."""

import os
from pathlib import Path

import pytest
from browsing import DESKTOP, PHONE, until, until_text


@pytest.fixture(scope="session")
def axe():
    """The source of axe-core."""
    if os.environ.get("CI"):
        import axe_playwright_python as package
    else:
        package = pytest.importorskip("axe_playwright_python")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def violations(tab, axe):
    """What axe finds: the rule, and the elements."""
    tab.evaluate(axe)
    found = tab.evaluate("axe.run().then((result) => result.violations)")
    return {rule["id"]: [node["html"][:200] for node in rule["nodes"]] for rule in found}


def unfold(tab):
    unfolded = "document.querySelectorAll('details').forEach((box) => { box.open = true; })"
    tab.evaluate(unfolded)
    tab.wait_for_selector("#runs input")
    tab.wait_for_selector("[data-metric='learner.loss'] canvas")
    tab.evaluate(unfolded)  # the table of the chart that has just been made


@pytest.mark.parametrize(("viewport", "scheme"), [(DESKTOP, "light"), (PHONE, "dark"), (DESKTOP, "dark")])
def test_axe_finds_nothing(learned_page, tabs, axe, viewport, scheme):
    tab = tabs.open(learned_page, viewport, scheme)
    unfold(tab)
    assert violations(tab, axe) == {}


def test_axe_finds_nothing_at_the_end_and_in_the_dialog(served, tabs, training, two_clients, axe):
    page = served(token="hush" * 4)
    two_clients(training, changes_from_page=True)
    tab = tabs.open(page)
    tab.locator("#settings-box summary").click()
    tab.wait_for_selector("#settings-form:not([hidden])")
    tab.locator("#quicksave").click()
    assert violations(tab, axe) == {}
    tab.locator("#token-cancel").click()
    assert tab.evaluate("document.activeElement.id") == "quicksave"
    two_clients(training, state="ended", reason="it failed", failed=True)
    until_text(tab, "#state", "failed")
    assert violations(tab, axe) == {}


def test_changes_of_the_state_are_announced_at_most_every_ten_seconds(served, tabs, training, two_clients):
    tab = tabs.open(served(), prepare=lambda tab: tab.clock.install())
    until_text(tab, "#announced", "learning")
    tab.clock.pause_at(tab.evaluate("Date.now()") + 1000)
    for changes, text in (({"clients": []}, "waiting"), ({"state": "stopping"}, "stopping")):
        two_clients(training, **changes)
        until_text(tab, "#state", text)
        assert "learning" in tab.locator("#announced").inner_text()
    tab.clock.run_for(10_000)
    until_text(tab, "#announced", "stopping")


def test_targets_are_large_enough_to_be_touched(learned_page, tabs):
    tab = tabs.open(learned_page, PHONE)
    unfold(tab)
    for target in tab.locator("button:visible, select:visible, summary:visible, .choice label, .check").all():
        box = target.bounding_box()
        assert min(box["width"], box["height"]) >= 43.5, target.inner_text()


_CONTRAST = """(names) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const style = getComputedStyle(document.documentElement);
  const light = (name) => {
    canvas.fillStyle = style.getPropertyValue(`--${name}`).trim();
    canvas.fillRect(0, 0, 1, 1);
    const parts = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  return Object.fromEntries(names.map((name) => {
    const [dark, bright] = [light(name), light("card")].sort((a, b) => a - b);
    return [name, (bright + 0.05) / (dark + 0.05)];
  }));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_drawn_stands_out_and_lines_differ_by_more_than_color(learned_page, tabs, scheme):
    tab = tabs.open(learned_page, scheme=scheme)
    names = ["accent", "second", "point", "good", "bad", *(f"other-{i}" for i in range(1, 7))]
    contrasts = tab.evaluate(_CONTRAST, names)
    assert {name: ratio for name, ratio in contrasts.items() if ratio < 3} == {}
    until(tab, "document.querySelector(\"[data-metric='rate'] .key.second\") !== null")
    dash = "getComputedStyle(document.querySelector(\"[data-metric='rate'] .key.{}\"), '::before').borderTopStyle"
    assert [tab.evaluate(dash.format(kind)) for kind in ("line", "second")] == ["solid", "dashed"]


def test_every_chart_has_its_values_as_a_table(learned_page, tabs):
    tab = tabs.open(learned_page)
    unfold(tab)
    count = "document.querySelectorAll('{}').length"
    until(tab, f"{count.format('.chart .data tbody')} === {count.format('.chart')}")
    assert tab.locator("[data-metric='return'] .data tbody tr").count() >= 15
