"""`soulsai plot`."""

import pytest


def test_several_runs_are_drawn_in_one_figure(save, run, here):
    for seed in range(3):
        save(f"r{seed}", range(seed, 60 + seed))
    code, out, _ = run("plot", "saves", "-o", "curves.svg", "--window", 10)
    assert (code, out) == (0, "dqn: 3 runs, return 55.5 at the end\ncurves.svg\n")
    assert (here / "curves.svg").read_bytes().startswith(b"<?xml")


def test_run_can_be_drawn_over_hours(save, run, here):
    code, out, _ = run("plot", save("one", range(9)), "--axis", "hours", "--metric", "boss_hp", "--window", 1)
    assert (code, out) == (0, "dqn: 1 run, boss_hp 4 at the end\nplot.png\n")
    assert (here / "plot.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["nowhere"], "There is no run at nowhere"), (["saves", "-o", "x.bmp"], "its ending must be one of .png"),
     (["saves", "--window", "0"], "--window is 0; it takes 1 or more"),
     (["saves", "--metric", "wins"], "None of the 1 runs has an episode with the metric 'wins'")],
)  # fmt: skip
def test_bad_input_is_explained(save, run, arguments, sentence):
    save("one", [1, 2])
    code, _, err = run("plot", *arguments)
    assert (code, sentence in err) == (2, True)
