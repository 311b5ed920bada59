"""Numbers as people read them."""

import os
import shlex

import pytest

from soulsai_core.node import formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (125, "2 min 05 s"), (700, "11 min"), (3723, "1 h 02 min"), (190_000, "2 d 4 h"),
     (float("inf"), "?"), (float("nan"), "?"), (-3, "0 s")],
)  # fmt: skip
def test_durations(seconds, text):
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0.00"), (1234.5, "1,234"), (-188.62, "-188.6"), (9.5, "9.50"), (0.00123, "0.0012")],
)
def test_numbers_have_about_three_digits(value, text):
    assert formatting.number(value) == text


@pytest.mark.parametrize(("value", "text"), [(1.0, "100%"), (0.99999, "99.9%"), (0.0, "0.0%"), (0.5, "50.0%")])
def test_shares_say_all_only_of_all(value, text):
    assert formatting.share(value) == text


@pytest.mark.skipif(os.name != "posix", reason="other shells have other quotes")
@pytest.mark.parametrize("text", ["saves/a-1_b.c", "meine läufe/a", "it's", "$HOME", "a&b", "[8, 8]", ""])
def test_word_of_a_command_is_read_as_it_was(text):
    assert shlex.split(f"soulsai plot {formatting.word(text)}") == ["soulsai", "plot", text]


def test_word_without_blanks_has_no_quotes():
    assert formatting.word("a.b=1e-4") == "a.b=1e-4"


def test_words_with_blanks_have_double_quotes_on_windows(monkeypatch):
    monkeypatch.setattr(formatting.os, "name", "nt")
    assert [formatting.word(text) for text in (r"C:\my runs\a", r"saves\a")] == [r'"C:\my runs\a"', r"saves\a"]


def test_sizes_count_in_the_units_of_settings():
    sizes = [formatting.size(number) for number in (0, 99, 2**20, 2**30 - 2**20, 3 * 2**29)]
    assert sizes == ["0 MB", "less than 1 MB", "1 MB", "1,023 MB", "1.5 GB"]


def test_counts_and_rates_have_separators():
    assert formatting.count(1234567) == "1,234,567"
    assert (formatting.counted(1, "client"), formatting.counted(2000, "client")) == ("1 client", "2,000 clients")
    assert formatting.rate(1234.4) == "1,234/s"


def test_a_time_of_another_day_has_its_date():
    assert len(formatting.clock_time(1.7e9, 1.7e9 + 60)) == 5
    assert formatting.clock_time(1.7e9, 1.7e9 + 200_000).startswith("2023-11-1")
