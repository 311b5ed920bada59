"""The first test of every kit: it fails in seconds, with the sentence that says most about what is wrong."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from soulsai_core.testing.trials import assert_essentials


class EssentialContract:
    """Needs the fixtures `plugin` and `config`. If its test fails the others are skipped: they would fail because of
    the same mistake, with less telling errors, or not end."""

    kind: ClassVar[str]
    """Of the plugin, as in "algorithm"."""

    @pytest.fixture
    def trial_arguments(self) -> tuple[Any, ...]:
        """What the trial of this kind takes besides plugin and config."""
        return ()

    @pytest.fixture(autouse=True)
    def skip_after_a_failure(self, request: pytest.FixtureRequest) -> None:
        """Skip what follows a failure of the first test with the same parameters."""
        failed = _failures(request)
        if _parameters(request) in failed and request.function.__name__ != "test_essentials":
            pytest.skip(f"test_essentials failed: {failed[_parameters(request)]}")

    def test_essentials(
        self, plugin: Any, config: Any, trial_arguments: tuple[Any, ...], request: pytest.FixtureRequest
    ) -> None:
        """What `soulsai doctor --plugin` tries."""
        try:
            assert_essentials(self.kind, plugin, config, *trial_arguments)
        except AssertionError as error:
            _failures(request)[_parameters(request)] = str(error)
            raise


def _failures(request: pytest.FixtureRequest) -> dict[str, str]:
    """Parameters -> the sentence with which the first test of this class failed."""
    failures: dict[str, str] = request.cls.__dict__.get("essential_failures") or {}
    request.cls.essential_failures = failures
    return failures


def _parameters(request: pytest.FixtureRequest) -> str:
    """The parameters of the fixture `config` in the running test, under which plugins may fail or not."""
    callspec = getattr(request.node, "callspec", None)
    return repr(callspec.params.get("config")) if callspec is not None else repr(None)
