"""What `--resume` goes on with: which run, and with which settings."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from soulsai_core.cli.options import config_from
from soulsai_core.cli.program import program, shown_run
from soulsai_core.cli.runs import killed_start, resumable_under, run_path
from soulsai_core.config import Config
from soulsai_core.config.differences import described, differences
from soulsai_core.config.layers import CONFIG_FILE, preset_names, read_file, read_overrides
from soulsai_core.config.sources import Layer
from soulsai_core.errors import CheckpointError, ConfigError
from soulsai_core.node.formatting import word
from soulsai_core.node.status.last_status import last_status
from soulsai_core.run_folder import CONFIG, RunFolder, read_config, replace_bytes

log = logging.getLogger(__name__)

_OTHER_RUN = ("algorithm.name", "environment.name", "environment.config.id")
"""Settings without which a run is another one."""

_HERE = ("run.saves",)
"""Settings that only say where the run is."""


def chosen_folder(path: str, saves: Path, now: float) -> RunFolder:
    """The run to resume.

    Args:
        path: its folder, newest checkpoint, or name; "": of those under `saves` that are not running the one that was
            killed last, and if none was, the one that ended last.
        now: seconds since 1970.

    Raises CheckpointError with a sentence if there is none.
    """
    if path:
        named = run_path(path, saves)
        if not named.is_dir():
            raise CheckpointError(f"There is no folder {path}, and no run {path} under {saves}.")
        return RunFolder.resumable(named)
    folders = resumable_under(saves)
    free = [folder for folder in folders if not folder.is_held]
    start = killed_start(saves, folders[0] if folders else None)
    if not folders:
        raise CheckpointError(f"There is no run under {saves} to resume; {start or 'start without --resume.'}")
    if start:
        log.warning("%s", start)
    if not free:
        raise CheckpointError(f"{folders[0].path} is running ({folders[0].holder}); stop it first.")
    killed = [folder for folder in free if not _has_ended(folder, now)]
    chosen = (killed or free)[0]
    if chosen is not free[0]:
        log.warning(
            "%s was killed and goes on; the newer run %s has ended. To go on with that one: --resume %s",
            chosen.name, free[0].name, word(free[0].path),
        )  # fmt: skip
    return chosen


def _has_ended(folder: RunFolder, now: float) -> bool:
    found = last_status(folder, now)
    return found is not None and found[0].state == "ended"


def resumed_config(args: argparse.Namespace, folder: RunFolder) -> Config:
    """The settings of a resumed run: those saved in its folder, what was edited in config.yaml since the run began, and
    above them SOULSAI_… and --set. With --config, that file in the place of the first two."""
    if args.config is not None:
        return config_from(args)
    if not folder.config.is_file():
        raise CheckpointError(f"{folder.path} has no {CONFIG}: name a file with the settings of the run by --config.")
    _check_presets(args, folder)
    edits = _edits(folder)
    # Below --set, which comes later in the list.
    overrides = [f"{path}={json.dumps(value)}" for path, value in edits.items()]
    return config_from(
        argparse.Namespace(**{**vars(args), "config": folder.path / CONFIG, "set": overrides + args.set})
    )


def _check_presets(args: argparse.Namespace, folder: RunFolder) -> None:
    """Raise ConfigError if --preset names others than the run began with. Those it began with may be named again: they
    ask for what the run has anyway, and a script may have one command for the start and the resume."""
    named = preset_names(read_overrides(args.set))
    if named and list(named) != _presets(read_config(folder.config)):
        raise ConfigError(
            f"--preset {named[-1]} is for new runs: {folder.name} keeps its own settings when it is resumed. Change "
            f"single ones with --set, or begin a new run from it: "
            f"{program()} train --from {shown_run(folder.path)}{''.join(f' --preset {name}' for name in named)}"
        )


def _presets(values: dict[str, Any]) -> list[str]:
    """The presets that the settings `values` name."""
    return list(preset_names([Layer("", values)]))


def _edits(folder: RunFolder) -> dict[str, object]:
    """Path -> value of the settings in config.yaml that were changed since the run began; they are logged."""
    file = Path(CONFIG_FILE)
    if not file.is_file():
        return {}
    values = read_file(file).values
    saved = read_config(folder.config)
    kept = folder.config_file.is_file()
    # Of a run that began with an empty file, or with none, all settings are those that are saved.
    began_with = (read_file(folder.config_file).values if kept else {}) or saved
    found = [one for one in differences(values, began_with) if one[0] not in _HERE]
    if not found:
        return {}
    if not kept or _is_for_another_run(values, saved, [path for path, _, _ in found]):
        why = f"it is meant for another run than {folder.name}" if kept else f"{folder.name} did not begin with it"
        log.warning(
            "%s is not read, since %s: it differs in %s. Change settings of this run with --set; --config %s reads the "
            "file in the place of all of them.",
            file, why, described(found), file,
        )  # fmt: skip
        return {}
    log.warning("What was edited in %s applies: %s.", file, described(found))
    return {path: value for path, value, _ in found}


def _is_for_another_run(values: dict[str, Any], saved: dict[str, Any], edited: Sequence[str]) -> bool:
    """Whether settings of config.yaml are those of another run than the one with the settings `saved`."""
    if any(_at(values, path) not in (None, _at(saved, path)) for path in _OTHER_RUN):
        return True
    # --preset may have been given above one of the file: only one that was edited says what the file is meant for.
    presets = _presets(values)
    return "preset" in edited and bool(presets) and presets != _presets(saved)


def _at(values: Mapping[str, Any], path: str) -> Any:
    """The value of the setting with this dotted path, None if it is not there."""
    found: Any = values
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def keep_config_file(args: argparse.Namespace, folder: RunFolder) -> None:
    """Keep config.yaml as it is now in the run's folder, so that a later resume knows what was edited since. A new run
    without one keeps an empty one: a config.yaml that is written later is then known to be new. Nothing is kept of a
    run with other settings, by --config or --from: the config.yaml that lies there was not meant for it."""
    if args.config not in (None, Path(CONFIG_FILE)):
        return
    file = Path(CONFIG_FILE)
    if file.is_file():
        replace_bytes(folder.config_file, file.read_bytes())
    elif args.resume is None:
        # Not at a resume, which may be in another folder than the one where the run's config.yaml lies.
        replace_bytes(folder.config_file, b"")


def how_it_ended(folder: RunFolder, now: float) -> str:
    """A sentence on how the run ended, "" if that is not known. To be asked before the folder is held again, by which a
    run that goes on is recognized."""
    found = last_status(folder, now)
    return "" if found is None else found[1].sentence


def announced(folder: RunFolder, iteration: int, env_steps: int, ended: str) -> str:
    """A sentence on the run that goes on: where, and how it had ended."""
    before = f" Before: {ended[:1].lower()}{ended[1:]}" if ended else ""
    return f"Going on with {folder.name} from step {env_steps:,}, iteration {iteration:,}.{before}"


def how_to_go_on(folder: RunFolder, reason: str, options: str) -> str:
    """What to do about a run that has nothing left to do.

    Args:
        options: with which it goes on, each with a space before it.
    """
    command = f"{program()} train --resume {shown_run(folder.path)}{options}"
    # Who began without a config.yaml looks for one in vain.
    has_file = folder.config_file.is_file() and folder.config_file.stat().st_size > 0
    edit = f"change the goal in {CONFIG_FILE}, or: " if has_file else ""
    return f"{folder.name} has ended: {reason}. To go on{', ' if edit else ': '}{edit}{command}"


def further(beyond: str) -> str:
    """The options of the settings with which a run that has reached its goal goes on."""
    return "".join(f" --set {setting}" for setting in beyond.split())
