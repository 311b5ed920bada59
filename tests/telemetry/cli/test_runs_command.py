"""`soulsai runs`."""

import json


def test_table_has_environment_algorithm_steps_and_returns(save, run):
    save("2026-01-01_lander", [1, 2, 3])
    save("2026-01-02_cart", [5], environment="CartPole", algorithm="ppo")
    code, out, _ = run("runs")
    head, first, second = out.strip().splitlines()
    assert code == 0
    assert head.split() == ["Run", "Environment", "Algorithm", "Steps", "Episodes", "Best", "Last", "Started"]
    assert first.split()[:7] == ["2026-01-01_lander", "Lander", "dqn", "30", "3", "2.0", "2.0"]
    assert second.split()[:4] == ["2026-01-02_cart", "CartPole", "ppo", "10"]


def test_programs_can_ask_for_json(save, run):
    save("one", [1, 3])
    code, out, _ = run("runs", "--json", "--window", 1)
    [row] = json.loads(out)
    assert (code, row["best"], row["steps"], row["running"]) == (0, 3.0, 20, False)


def test_run_that_goes_on_is_marked(save, run):
    (save("one", [1]) / "address").write_text("localhost")
    assert "(running)" in run("runs")[1]


def test_run_without_an_episode_has_no_score(save, run):
    save("one", [])
    assert run("runs")[1].splitlines()[1].split()[3:7] == ["0", "0", "-", "-"]


def test_missing_folder_is_explained(run):
    code, _, err = run("runs", "--saves", "elsewhere")
    assert (code, "There is no run at elsewhere" in err) == (2, True)
