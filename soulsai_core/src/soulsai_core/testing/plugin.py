"""The contract of the settings of every plugin, a part of the others."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from soulsai_core.contracts import API_VERSION


class PluginContract:
    """Needs the fixtures `plugin` and `config`."""

    def test_defaults_make_a_valid_config(self, plugin: Any) -> None:
        """`soulsai config default` shows them."""
        settings = plugin.config()
        assert plugin.config.model_validate(settings.model_dump(mode="json")) == settings

    def test_config_survives_json(self, plugin: Any, config: Any) -> None:
        """Clients receive it as JSON."""
        assert plugin.config.model_validate_json(config.model_dump_json()) == config

    def test_unknown_setting_is_refused(self, plugin: Any) -> None:
        """A typing error must not be ignored."""
        with pytest.raises(ValidationError, match="no_such_setting"):
            plugin.config.model_validate({"no_such_setting": 1})

    def test_config_cannot_be_changed(self, plugin: Any, config: Any) -> None:
        """The settings that were announced stay those that run."""
        for name in plugin.config.model_fields:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(config, name, getattr(config, name))

    def test_every_setting_is_described(self, plugin: Any) -> None:
        """The descriptions become the comments of config_d.yaml."""
        without = [name for name, field in plugin.config.model_fields.items() if not field.description]
        assert not without, f"settings without a description: {without}"

    def test_plugin_is_written_for_this_api(self, plugin: Any) -> None:
        """The node refuses plugins of another version at its start."""
        assert plugin.api_version == API_VERSION
