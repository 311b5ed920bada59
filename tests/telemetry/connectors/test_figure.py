"""The figure of a run."""

import pytest
from pydantic import ValidationError

from soulsai_telemetry.connectors.figure import plugin
from soulsai_telemetry.drawing import RunFigure
from soulsai_telemetry.history.records import EpisodeRecord


@pytest.mark.parametrize(("file", "begins"), [("f.png", b"\x89PNG"), ("f.svg", b"<?xml"), ("f.pdf", b"%PDF")])
def test_format_follows_from_the_ending(make, context, update, file, begins):
    make(plugin, file=file).episodes_recorded(update(1, 30))
    assert (context.folder / file).read_bytes().startswith(begins)


def test_unknown_ending_is_rejected():
    with pytest.raises(ValidationError, match=r"must end in \.png, \.svg, \.pdf"):
        plugin.config(file="figure.bmp")


def test_figure_is_drawn_at_most_once_an_interval_and_at_the_end(make, context, update):
    figure = make(plugin, interval_s=1000)
    file = context.folder / "telemetry.png"
    figure.episodes_recorded(update(1, 10))
    first = file.read_bytes()
    figure.episodes_recorded(update(11, 30))
    assert file.read_bytes() == first
    figure.training_stopped()
    assert file.read_bytes() != first


def test_episodes_within_the_interval_are_drawn_when_it_is_over(make, context, update):
    figure = make(plugin, interval_s=1000)
    file = context.folder / "telemetry.png"
    figure.episodes_recorded(update(1, 10))
    first = file.read_bytes()
    figure.episodes_recorded(update(11, 30))
    figure.status_received()
    assert file.read_bytes() == first
    figure._drawn -= 2000  # as if that much time had passed
    figure.status_received()
    assert file.read_bytes() != first


def test_nothing_is_drawn_before_the_first_episode(make, context, update):
    figure = make(plugin, interval_s=0)
    figure.episodes_recorded(update(1, 0))
    figure.training_stopped()
    assert not (context.folder / "telemetry.png").exists()


def test_no_unfinished_file_is_left(make, context, update):
    make(plugin).episodes_recorded(update(1, 10))
    assert [file.name for file in context.folder.iterdir()] == ["telemetry.png"]


@pytest.mark.parametrize("count", [1, 3, 7])
def test_each_metric_has_a_panel(update, count):
    names = [f"metric {i}" for i in range(count)]
    figure = RunFigure(names, "run")
    figure.show(update(1, 10).history)
    assert [axes.get_title(loc="left") for axes in figure.figure.axes] == names


def test_raw_points_are_faint_and_the_average_is_strong(update):
    figure = RunFigure(["return"], "run", "step")
    history = update(1, 9).history
    for _ in range(3):  # filled several times, it has one line of each kind
        figure.show(history)
    [axes] = figure.figure.axes
    raw, average = axes.get_lines()
    assert raw.get_alpha() < 0.5
    assert average.get_linewidth() > 1
    assert average.get_xdata().tolist() == [20.0 * n for n in range(1, 10)]
    assert raw.get_ydata().tolist() == [1.5 * n for n in range(1, 10)]


def test_long_run_shows_the_range_of_neighboring_episodes(update):
    figure = RunFigure(["return"], "run")
    for _ in range(2):
        figure.show(update(1, 2000).history)
    assert len(figure.figure.axes[0].collections) == 1


def test_new_metrics_get_a_panel(make, context, update):
    figure = make(plugin, interval_s=0)
    figure.episodes_recorded(update(1, 3))
    changed = update(1, 3)
    changed.history.add(EpisodeRecord(4, 80, 2e9, 1, "c", True, {"win": 1.0}, {"win": 1.0}))
    figure.episodes_recorded(changed)
    assert "win" in figure._figure.names
