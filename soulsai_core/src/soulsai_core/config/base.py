"""The base class of all settings."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of all settings, of the core and of plugins: frozen, and an unknown key is an error."""

    # Numbers become text where text is wanted, as those of a JSON file or a preset. What was written as YAML, such as
    # `run.name=007` on the command line, stays as it was written (`config.numeric_text`).
    # Defaults are checked, too: those of a plugin may be of another type than they say.
    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, coerce_numbers_to_str=True, validate_default=True
    )
