"""The line that tells players what they have contributed."""

from soulsai_core.cli.contributors import contribution, contributors
from soulsai_core.cli.contributors.contribution import log_contribution, sentence
from soulsai_core.contributors.statistics import Contribution
from soulsai_core.errors import AccessError

NOW = 1.7e9
BOB = Contribution(
    since=NOW - 3600, samples=12345, episodes=210, returns=[30.0, 40.0], best=60.25, client_seconds=7380.0
)


def test_numbers_are_in_one_sentence():
    text = sentence("bob", BOB, NOW)
    assert text.startswith(
        "bob has contributed 12,345 steps in 2 h 03 min of play, 210 episodes, "
        "mean return 35.0 of the last 2, best 60.2"
    )
    assert ", since " in text


def test_mean_of_all_episodes_is_not_said_to_be_of_the_last_ones():
    text = sentence("bob", Contribution(since=NOW, samples=3, episodes=2, returns=[30.0, 40.0], best=40.0), NOW)
    assert "2 episodes, mean return 35.0, best 40.0" in text


def test_table_of_contributors_says_of_how_many_episodes_the_mean_return_is():
    assert "mean return of last 20" in contributors._head()


def test_returns_are_left_out_before_the_first_episode():
    assert "return" not in sentence("bob", Contribution(since=NOW, samples=3), NOW)


def logged(monkeypatch, caplog, answer, client="bob@pc-1"):
    import soulsai_core.contributors.redis_inbox as redis_inbox

    def ask(transport, name):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(redis_inbox, "own_contribution", ask)
    with caplog.at_level("INFO", contribution.log.name):
        log_contribution(None, client, NOW)
    return caplog.messages


def test_contributor_is_told(monkeypatch, caplog):
    [line] = logged(monkeypatch, caplog, BOB)
    assert line.startswith("bob has contributed 12,345 steps")


def test_nothing_is_said_before_the_first_step_to_the_host_and_without_the_right(monkeypatch, caplog):
    assert logged(monkeypatch, caplog, None) == []
    assert logged(monkeypatch, caplog, Contribution()) == []
    assert logged(monkeypatch, caplog, BOB, client="pc-1") == []
    assert logged(monkeypatch, caplog, AccessError("no permissions")) == []
