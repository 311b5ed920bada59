"""`soulsai telemetry` with wrong settings."""

import pytest


@pytest.fixture(autouse=True)
def no_logging(monkeypatch):
    """The log of this process stays that of the tests."""
    monkeypatch.setattr("soulsai_telemetry.telemetry_process.start_logging", lambda console: None)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [("telemetry.config.moving_avarage=3", "Did you mean telemetry.config.moving_average?"),
     ("connectors=[{name: wall}]", "There is no connector 'wall' installed"),
     ("connectors=[{name: figure, config: {file: a.bmp}}]", "connectors[0].config.file: must end in .png")],
)  # fmt: skip
def test_bad_settings_are_explained_with_exit_code_2(run, settings, sentence):
    code, _, err = run("telemetry", "--redis-address", "localhost:1", "--set", settings)
    assert (code, sentence in err) == (2, True)


def test_missing_training_is_explained_with_what_opens_a_run_that_has_ended(run):
    code, _, err = run("telemetry")
    assert (code, "No training runs on this machine" in err, "`--run-folder RUN`" in err) == (2, True, True)
