"""`soulsai plot`."""

import pytest


def test_several_runs_are_drawn_in_one_figure(save, run, here):
    for seed in range(3):
        save(f"r{seed}", range(seed, 60 + seed))
    code, out, _ = run("plot", "saves", "-o", "curves.svg", "--window", 10)
    assert (code, out) == (0, "dqn: return 55.5 at the end (IQM of 3 seeds, 95% interval)\ncurves.svg\n")
    assert (here / "curves.svg").read_bytes().startswith(b"<?xml")


def test_run_can_be_drawn_over_hours(save, run, here):
    code, out, _ = run("plot", save("one", range(9)), "--axis", "hours", "--metric", "boss_hp", "--window", 1)
    assert (code, out) == (0, "dqn: boss_hp 4.00 at the end (1 seed)\nplot.png\n")
    assert (here / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_title_and_labels_are_those_that_are_given(save, run, here):
    save("a", range(60))
    save("b", range(30), gamma=0.9)
    labels = ("--title", "Two discounts", "--label", "one", "--label", "two")
    code, out, _ = run("plot", "saves/a", "saves/b", "-o", "plot.svg", *labels)
    assert code == 0 and out.startswith("one: return")
    drawn = (here / "plot.svg").read_text()
    for text in ("Two discounts", "one (1 seed)", "two (1 seed)", "end of a run"):
        assert f"<!-- {text} -->" in drawn


def test_title_is_the_environment_and_ticks_have_separators(save, run, here):
    save("a", range(400), environment="CartPole-v1")
    run("plot", "saves", "-o", "plot.svg")
    drawn = (here / "plot.svg").read_text()
    assert "<!-- CartPole-v1 -->" in drawn and "<!-- 4,000 -->" in drawn


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["nowhere"], "There is no run at nowhere"), (["saves", "-o", "x.bmp"], "its ending must be one of .png"),
     (["saves", "--window", "0"], "--window is 0; it takes 1 or more"),
     (["saves", "--label", "a", "--label", "b"], "--label is given 2 times; there are 1: dqn."),
     (["saves", "--metric", "wins"], "None of the 1 runs has an episode with the metric 'wins'")],
)  # fmt: skip
def test_bad_input_is_explained(save, run, arguments, sentence):
    save("one", [1, 2])
    code, _, err = run("plot", *arguments)
    assert (code, sentence in err) == (2, True)


def test_runs_without_the_metric_are_named(save, run):
    save("a", range(9))
    save("b", [])
    code, out, err = run("plot", "saves")
    assert (code, out.splitlines()[-1]) == (0, "plot.png")
    assert err == "Left out, without an episode that has the metric 'return': b\n"
