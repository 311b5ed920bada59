"""Episodes as JSON lines."""

import json

from soulsai_telemetry.connectors.json_file import plugin


def lines(context, file="telemetry.jsonl"):
    return [json.loads(line) for line in (context.folder / file).read_text().splitlines()]


def test_each_episode_is_a_line_with_values_and_averages(make, context, update):
    make(plugin).episodes_recorded(update(1, 2))
    first, second = lines(context)
    assert (first["number"], second["steps"], second["values"]["return"]) == (1, 40, 3.0)
    assert set(second["averages"]) == {"return", "length", "boss hp"}


def test_episodes_that_come_again_after_a_restart_are_written_once(make, context, update):
    make(plugin).episodes_recorded(update(1, 5))
    make(plugin).episodes_recorded(update(3, 8))
    assert [line["number"] for line in lines(context)] == list(range(1, 9))


def test_the_file_can_be_named(make, context, update):
    make(plugin, file="deep/results.json").episodes_recorded(update(1, 1))
    assert len(lines(context, "deep/results.json")) == 1
