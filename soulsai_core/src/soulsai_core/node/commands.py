"""Commands to the training node. Each is obeyed between two messages or updates of the loop, and answered once it is
carried out."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.errors import SoulsAIError, TransportError
from soulsai_core.messages import Command, Reply, plain
from soulsai_core.node.changes import SettingChanges
from soulsai_core.node.evaluations import Evaluations
from soulsai_core.node.requests import CHANGES, Request
from soulsai_core.node.saving.saver import CheckpointOptions
from soulsai_core.node.saving.saving_thread import SavingThread
from soulsai_core.node.state import RunState
from soulsai_core.run_folder import RunFolder

log = logging.getLogger(__name__)

_MAX_ORIGIN = 100

NOT_FROM_PAGE = (
    "The training node takes no changes from the page: they need `training.changes_from_page: true` when the run is "
    "started or resumed. `soulsai set` always works."
)


class CommandHandler:
    """Obeys "quicksave" (option `buffer`: with the replay buffer), "save_best" (option `iteration`: that of a model
    that was evaluated), "best_is_saved", "set" (option `settings`: a list of name=value, `origin`: who and where),
    "set_back" and "shutdown".

    Args:
        evaluations: keep the models that were evaluated last.
        changes: of settings.

    Attributes:
        best_is_awaited: who judges the best model has not yet said, since the training stopped, that it is saved.
    """

    def __init__(
        self,
        transport: Transport,
        saving: SavingThread,
        folder: RunFolder,
        state: RunState,
        evaluations: Evaluations,
        changes: SettingChanges,
    ) -> None:
        self._transport = transport
        self._saving = saving
        self._folder = folder
        self._state = state
        self._evaluations = evaluations
        self.best_is_awaited = False
        self._changes = changes

    def answer(self, command: Command) -> None:
        """Obey, and reply with the path of the checkpoint once it is written, or with the reason why there is none."""
        self._obey(command, (command.id,))

    def answer_request(self, request: Request) -> None:
        """Save once, without the replay buffer, and reply to all who asked; older saves are never removed for it. Or
        change settings, if those of the node allow it."""
        saves = self._folder.manual_saves()
        if request.name in CHANGES:
            self._change_on_request(request)
        elif request.name == "quicksave" and saves >= self._changes.training.max_requested_saves:
            detail = (
                f"There are {saves} saves in {self._folder.path / 'manual_save'}: remove some, or raise "
                "training.max_requested_saves."
            )
            self._reply(request.senders, request.name, ok=False, detail=detail)
        else:
            own = Command(request.senders[0], request.name, {**request.options, "buffer": False})
            self._obey(own, request.senders)

    def _change_on_request(self, request: Request) -> None:
        if not self._changes.training.changes_from_page:
            self._reply(request.senders, request.name, ok=False, detail=NOT_FROM_PAGE)
            return
        # Whatever the sender says of itself, the record begins with where the request came from.
        origin = f"telemetry: {request.options.get('origin', '')}"
        self._obey(Command(request.senders[0], request.name, {**request.options, "origin": origin}), request.senders)

    def _reply(self, senders: Sequence[str], name: str, *, ok: bool, detail: str) -> None:
        for sender in senders:
            try:
                self._transport.reply(sender, msgspec.json.encode(Reply(sender, ok, detail)))
            except TransportError as error:
                log.warning("The answer to %s could not be sent: %s", name, error)

    def _obey(self, command: Command, senders: Sequence[str]) -> None:
        name = command.name
        if name == "shutdown":
            self._state.stop("a shutdown was asked for")
            detail = f"The training stops; its last checkpoint will be {self._folder.checkpoint}"
            self._reply(senders, name, ok=True, detail=detail)
        elif name == "best_is_saved":
            self.best_is_awaited = False
            self._reply(senders, name, ok=True, detail=str(self._folder.best_model))
        elif name in ("quicksave", "save_best"):
            self._save(command, senders)
        elif name in ("set", "set_back"):
            ok, detail = self._change(command)
            self._reply(senders, name, ok=ok, detail=detail)
        else:
            detail = f"There is no command {name!r}; there are quicksave, save_best, set, set_back and shutdown."
            self._reply(senders, name, ok=False, detail=detail)

    def _save(self, command: Command, senders: Sequence[str]) -> None:
        name = command.name
        best = name == "save_best"
        evaluated = None
        iteration = command.options.get("iteration") if best else None
        if iteration is not None and (evaluated := self._evaluations.kept(iteration)) is None:
            detail = f"The model of iteration {iteration!r:.40} is not kept: only those that were evaluated last are."
            self._reply(senders, name, ok=False, detail=detail)
            return
        self.best_is_awaited = self.best_is_awaited or best
        kind = "best" if best else "quicksave"
        options = CheckpointOptions(bool(command.options.get("buffer", False)), kind, evaluated)
        self._saving.request(self._place(best=best), options, partial(self._saved, senders, name))

    def _place(self, *, best: bool) -> Callable[[], Path]:
        # A place for a save is chosen only once those before it are there.
        return lambda: self._folder.best_model if best else self._folder.manual_save(self._state.iteration)

    def _saved(self, senders: Sequence[str], name: str, path: Path, problem: str | None) -> None:
        self._reply(senders, name, ok=problem is None, detail=problem or str(path))

    def _change(self, command: Command) -> tuple[bool, str]:
        origin = plain(str(command.options.get("origin", "")), _MAX_ORIGIN) or "an unknown user"
        settings = command.options.get("settings", [])
        try:
            if command.name == "set_back":
                made = self._changes.back(origin)
            elif isinstance(settings, list) and all(isinstance(setting, str) for setting in settings):
                made = self._changes.change(settings, origin)
            else:
                return False, "The settings must be a list of name=value."
        except SoulsAIError as error:
            return False, str(error)
        lines = [f"{change.name}: {json.dumps(change.before)} -> {json.dumps(change.after)}" for change in made]
        return True, "\n".join([*lines, f"In force from iteration {self._state.iteration} on."])
