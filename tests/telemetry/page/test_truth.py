"""What the page says is true: at the end of a run, when its node is silent, and when nothing comes any more."""

import time

import pytest
from browsing import screenshot, until, until_text
from waiting import wait_for

from soulsai_core import Episode
from soulsai_core.config import StopSettings
from soulsai_core.node.episode_log import EpisodeLog
from soulsai_core.node.goals import Goals
from soulsai_core.node.state import RunState
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.ended_run import EndedRun
from soulsai_telemetry.page import Page


@pytest.fixture
def later(training):
    """Lets the server's clock run ahead, so that the last status is as old as this."""

    def later(seconds):
        training.server.clock = lambda: time.monotonic() + seconds

    return later


def facts(tab):
    """Name -> value of the facts at the top."""
    rows = tab.locator("#facts > div").all()
    return {row.locator("dt").inner_text(): row.locator("dd").inner_text() for row in rows}


def test_the_end_stays_the_end_and_says_why_and_what_next(served, tabs, training, two_clients):
    page = served()
    tab = tabs.open(page)
    reason = "the goal of 98,000 environment steps is reached"
    two_clients(training, state="ended", reason=reason, clients=[], iteration=0)
    until_text(tab, "#notice", "Nothing was learned")
    assert "soulsai eval" not in tab.locator("#notice").inner_text()
    two_clients(training, state="ended", reason=reason, clients=[], origin="the weights of run-0")
    until_text(tab, "#run-id", "began with the weights of run-0")
    until_text(tab, "#notice", "soulsai eval")
    notice = tab.locator("#notice").inner_text()
    for text in ("the goal of 98,000 environment steps is reached", "mean return of the last 10", "run-1/checkpoint"):
        assert text in notice
    assert "soulsai telemetry --run-folder" in notice
    assert (facts(tab)["Steps per second"], "left" in tab.locator("#goal-note").inner_text()) == ("–", False)
    page.close()
    tab.wait_for_selector("#connection:not([hidden])")
    assert "finished at" in tab.locator("#state").inner_text()
    assert tab.locator("#notice").inner_text() == notice
    screenshot(tab, "end")


def test_run_that_reached_its_goal_in_return_says_the_mean_once(served, tabs, training, two_clients, tmp_path):
    episodes = EpisodeLog(tmp_path / "episodes.jsonl", 1)
    episodes.append([("1", Episode("pc-1", "pc", 207.5, 10, 1, 1.0))], 10, read_to="1")
    reason = Goals(StopSettings(mean_return=200, episodes=1), RunState(), episodes).reached(1.0)
    page = served()
    tab = tabs.open(page)
    two_clients(training, state="ended", reason=reason, clients=[])
    until_text(tab, "#state", "finished at")
    first = tab.locator("#notice p").first.inner_text()
    assert reason in first
    assert "The mean return of the last 10 episodes is" in first
    assert first.lower().count("mean return of the last") == 1


def test_ended_run_is_opened_from_its_folder(served, tabs, training, two_clients):
    page = served()
    two_clients(training, state="ended", reason="the goal is reached")
    page._source.stop("enough")
    summary = page._source.view.summary
    wait_for("the summary", lambda: summary.is_file() and b'"ended"' in summary.read_bytes())
    again = Page(EndedRun(training.folder), PageSettings(token="hush" * 4))
    again.listen()
    try:
        tab = tabs.open(again)
        assert "finished at" in tab.locator("#state").inner_text()
        assert facts(tab)["Episodes"] == "10"
        assert not tab.locator("#quicksave").is_visible()
        assert tab.locator("#clients tr").count() == 2
    finally:
        again.close()


def test_silent_node_is_said_and_nothing_of_it_looks_live(served, tabs, later):
    page = served()
    tab = tabs.open(page)
    until_text(tab, "#goal-note", "left")
    later(125)
    until_text(tab, "#state", "node silent since")
    assert "soulsai train --resume" in tab.locator("#notice").inner_text()
    shown = facts(tab)
    assert (shown["Steps per second"], shown["Clients"]) == ("–", "–")
    assert "left" not in tab.locator("#goal-note").inner_text()
    clients = tab.locator("#clients").inner_text()
    assert "/s" not in clients
    assert "now" not in clients
    screenshot(tab, "silent")


def test_without_clients_the_command_that_joins_is_there(served, tabs, training, two_clients):
    tab = tabs.open(served())
    two_clients(training, clients=[], join="soulsai client --redis-address 10.0.0.7")
    until_text(tab, "#state", "waiting for clients")
    assert "soulsai client --redis-address 10.0.0.7" in tab.locator("#notice").inner_text()
    screenshot(tab, "no-client")


def test_page_without_its_server_says_since_when_and_finds_it_again(served, tabs):
    page = served()
    tab = tabs.open(page)
    port = int(page.url.rpartition(":")[2])
    page.close()
    until_text(tab, "#state", "no connection since")
    again = Page(page._source, PageSettings(port=port))
    again.listen()
    try:
        until(tab, "!document.querySelector('#state').textContent.includes('no connection')")
        assert not tab.locator("#connection").is_visible()
    finally:
        again.close()


def test_headline_chart_and_legend_are_one_number_with_one_name(learned_page, tabs):
    tab = tabs.open(learned_page)
    lead = tab.locator("#lead").inner_text()
    assert tab.locator("[data-metric='return'] .current").inner_text() == f"mean of the last 50 {lead}"
    assert tab.locator("#lead-note").inner_text() == "mean of the last 50 episodes"
    assert tab.locator("[data-metric='return'] .values").inner_text().split("\n") == [
        "mean of the last 50",
        "each episode",
    ]


def test_best_that_is_shown_is_the_one_that_is_saved(learned_page, learned, tabs):
    _, node = learned
    saved = node.update().saved
    tab = tabs.open(learned_page)
    assert tab.locator("#best-score").inner_text() == f"{saved.score:.1f}"
    assert f"at episode {saved.episode}" in tab.locator("#best-note").inner_text()


def test_schedule_shows_its_last_value(learned_page, tabs):
    tab = tabs.open(learned_page)
    assert tab.locator("[data-metric='epsilon'] .current").inner_text() == "last value 0.05"


def test_outage_is_a_gap_and_the_table_has_no_values_in_it(learned_page, tabs):
    tab = tabs.open(learned_page)
    tab.get_by_role("radio", name="Time").click()
    until(tab, "document.querySelector(\"[data-metric='return'] .plot\").dataset.to > 1e9")
    card = tab.locator("[data-metric='return']")
    card.locator("details summary").click()
    until(tab, "document.querySelectorAll(\"[data-metric='return'] .data tbody tr\").length > 0")
    rows = card.locator(".data tbody tr").all_inner_texts()
    assert 15 <= len(rows) <= 21
    assert all("–" not in row for row in rows)
