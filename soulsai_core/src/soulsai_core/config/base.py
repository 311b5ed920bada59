"""The base class of all settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all settings, of the core and of plugins: frozen, and an unknown key is an error."""

    # Numbers become text where text is wanted: `run.name=7` on the command line is a number to YAML.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True)
