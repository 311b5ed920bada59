"""Whether the returns of two agents can be compared: they can if both play the same environment."""

from __future__ import annotations

from typing import Any

from soulsai_core.assembly.saved_settings import NO_MATTER
from soulsai_core.config import Resolved
from soulsai_core.config.differences import described, differences
from soulsai_core.errors import ConfigError


def refuse_other_environment(first: Resolved, second: Resolved) -> None:
    """Raise ConfigError if the agents with these settings play different environments."""
    ours, theirs = _task(first), _task(second)
    if ours != theirs:
        raise ConfigError(
            f"--against names an agent of another environment, {' '.join(theirs)} instead of {' '.join(ours)}, "
            "and their returns cannot be compared: name a run of the same environment, or let both play one with --set."
        )


def other_settings(first: Resolved, second: Resolved) -> str:
    """A sentence with the settings in which the environment of A is another one than that of B; "" if there are
    none."""
    ours, theirs = _of_environment(first), _of_environment(second)
    found = differences(ours, theirs)
    known = {path for path, _, _ in found}
    # Those that only the second has.
    found += [(path, now, then) for path, then, now in differences(theirs, ours) if path not in known]
    found = [one for one in found if one[0] not in NO_MATTER]
    return f"A and B play with different settings: {described(found, ('for A', 'for B'))}." if found else ""


def _of_environment(settings: Resolved) -> dict[str, Any]:
    return {"environment": {"config": settings.public()["environment"]["config"]}}


def _task(settings: Resolved) -> tuple[str, ...]:
    """The name of the plugin, and which of its environments it makes if it has several."""
    identity: Any = getattr(settings.environment_config, "id", None)
    # A module before a colon is only imported.
    chosen = () if identity is None else (str(identity).rpartition(":")[2],)
    return settings.environment.name, *chosen
