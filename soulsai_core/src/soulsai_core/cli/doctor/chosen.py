"""The settings to look at. Importing this loads nothing that may be broken."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soulsai_core.errors import SoulsAIError

if TYPE_CHECKING:
    from soulsai_core.config import Config, Resolved
    from soulsai_core.messages import EnvSpec
    from soulsai_core.plugins.catalog import Catalog


class Chosen:
    """The settings that the options ask for. They are read when they are first needed, and may be wrong."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args

    @cached_property
    def catalog(self) -> Catalog:
        """Finds the plugins."""
        from soulsai_core.plugins.catalog import Catalog

        return Catalog()

    def slow_call(self) -> str:
        """A sentence on the call of a plugin that takes long now, "" if none does."""
        return self.catalog.calls.look() if "catalog" in self.__dict__ else ""

    @cached_property
    def config(self) -> Config:
        """The core's settings. Raises ConfigError."""
        from soulsai_core.cli.options import config_from

        return config_from(self.args)

    @cached_property
    def resolved(self) -> Resolved:
        """With the plugins' settings. Raises ConfigError or PluginError."""
        from soulsai_core.config import resolve

        return resolve(self.config, self.catalog)

    @cached_property
    def spec(self) -> EnvSpec:
        """Of the environment. Raises SoulsAIError."""
        return self.resolved.environment.spec(self.resolved.environment_config)

    @property
    def saves(self) -> Path:
        """The folder of runs; the default one if the settings are wrong."""
        with contextlib.suppress(Exception):
            return Path(self.config.run.saves)
        return Path("saves")

    def devices(self) -> list[tuple[str, str]]:
        """Settings of the algorithm that name a device, with their values."""
        with contextlib.suppress(Exception):
            values = flat(self.resolved.config.algorithm.config, "algorithm.config")
            return [(path, value) for path, value in values if path.endswith("device") and isinstance(value, str)]
        return []

    def is_right(self) -> bool:
        """Whether the settings are right. If not, the check of the settings says why."""
        try:
            _ = self.resolved
        except SoulsAIError:
            return False
        return True

    def is_playable(self) -> bool:
        """Whether there is an environment, too. If not, the check of the environment says why."""
        try:
            _ = self.spec
        except Exception:
            return False
        return True


def flat(values: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Each single value of nested settings, with its path."""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield from flat(value, f"{path}.{name}")
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from flat(value, f"{path}.{number}")
    else:
        yield path, values
