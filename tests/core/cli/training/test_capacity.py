"""A run that cannot fit on the machine is refused before it starts."""

from collections import namedtuple

import pytest

from soulsai_core.cli.training.capacity import check_capacity
from soulsai_core.config import load_config, resolve
from soulsai_core.errors import ConfigError
from soulsai_core.plugins.catalog import Catalog

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def resolved():
    pytest.importorskip("soulsai_dqn")

    def resolved(*settings):
        always = ["algorithm.name=dqn", "environment.config.id=CartPole-v1"]
        return resolve(load_config(None, [*always, *settings], {}), Catalog())

    return resolved


def test_run_that_fits_is_estimated(resolved, tmp_path, caplog):
    with caplog.at_level("INFO"):
        check_capacity(resolved("algorithm.config.buffer_size=100000"), tmp_path)
    assert "A replay buffer of 100,000 steps will take" in caplog.text


def test_journal_that_does_not_fit_on_the_disk_is_refused_unless_it_is_off(resolved, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**9, 0, 50 * 2**20))
    with pytest.raises(ConfigError, match=r"The journal of 1,000,000 steps will need \d+ MB, and .* has 50 MB left"):
        check_capacity(resolved("algorithm.config.buffer_size=1000000"), tmp_path)
    check_capacity(resolved("algorithm.config.buffer_size=1000000", "training.journal=false"), tmp_path)


@pytest.mark.parametrize(("free_mb", "helps"), [(140, True), (50, False)])
def test_smaller_buffer_is_suggested_only_where_it_helps(resolved, tmp_path, monkeypatch, free_mb, helps):
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**9, 0, free_mb * 2**20))
    with pytest.raises(ConfigError, match=r"make room, .*or set training\.journal to false") as error:
        check_capacity(resolved("algorithm.config.buffer_size=1000000"), tmp_path)
    assert ("buffer_size (1000000) lower" in str(error.value)) == helps


def test_steps_that_are_all_kept_are_estimated_and_refused_if_the_goal_does_not_fit(
    resolved, tmp_path, monkeypatch, caplog
):
    kept = ("algorithm.name=ppo", "training.keep_steps=true")
    monkeypatch.setattr("shutil.disk_usage", lambda path: Usage(10**9, 0, 500 * 2**20))
    with caplog.at_level("INFO"):
        check_capacity(resolved(*kept, "training.stop.env_steps=1000000"), tmp_path)
        check_capacity(resolved(*kept), tmp_path)
    assert caplog.text.count("MB on the disk for each million steps") == 2
    with pytest.raises(ConfigError, match=r"1,000,000,000 steps .* all of which are kept, will need .* 500 MB left"):
        check_capacity(resolved(*kept, "training.stop.env_steps=1000000000"), tmp_path)
    check_capacity(resolved("training.stop.env_steps=1000000000"), tmp_path)


def test_buffer_that_does_not_fit_into_memory_is_refused(resolved, tmp_path):
    with pytest.raises(ConfigError, match=r"will need .* GB of memory.*buffer_size \(\d+\) lower"):
        check_capacity(resolved("algorithm.config.buffer_size=100000000000", "training.journal=false"), tmp_path)


def test_algorithm_without_a_buffer_is_not_estimated(resolved, tmp_path):
    check_capacity(resolved("algorithm.name=ppo"), tmp_path)
