"""Commands to the training node. Each is obeyed between two messages or updates of the loop, and answered."""

from __future__ import annotations

import logging

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.errors import TransportError
from soulsai_core.messages import Command, Reply
from soulsai_core.node.evaluations import Evaluations
from soulsai_core.node.requests import Request
from soulsai_core.node.saving import CheckpointOptions, Saver
from soulsai_core.node.state import RunState
from soulsai_core.run_folder import RunFolder

log = logging.getLogger(__name__)


class CommandHandler:
    """Obeys "quicksave" (option `buffer`: with the replay buffer), "save_best" (option `iteration`: that of a model
    that was evaluated), "best_is_saved" and "shutdown".

    Args:
        evaluations: keep the models that were evaluated last.
        max_requested_saves: saves on command that the folder may hold before requests for further ones are refused.

    Attributes:
        best_is_awaited: who judges the best model has not yet said, since the training stopped, that it is saved.
    """

    def __init__(
        self,
        transport: Transport,
        saver: Saver,
        folder: RunFolder,
        state: RunState,
        evaluations: Evaluations,
        max_requested_saves: int,
    ) -> None:
        self._max_requested_saves = max_requested_saves
        self._transport = transport
        self._saver = saver
        self._folder = folder
        self._state = state
        self._evaluations = evaluations
        self.best_is_awaited = False

    def answer(self, command: Command) -> None:
        """Obey, and reply with the path of the checkpoint, or with the reason why there is none."""
        ok, detail = self._obey(command)
        self._reply(command.id, command.name, ok=ok, detail=detail)

    def answer_request(self, request: Request) -> None:
        """Save once, without the replay buffer, and reply to all who asked. Older saves are never removed for it."""
        saves = self._folder.manual_saves()
        if request.name == "quicksave" and saves >= self._max_requested_saves:
            ok, detail = (
                False,
                (
                    f"There are {saves} saves in {self._folder.path / 'manual_save'}: remove some, or raise "
                    "training.max_requested_saves."
                ),
            )
        else:
            ok, detail = self._obey(Command(request.senders[0], request.name, {**request.options, "buffer": False}))
        for sender in request.senders:
            self._reply(sender, request.name, ok=ok, detail=detail)

    def _reply(self, sender: str, name: str, *, ok: bool, detail: str) -> None:
        try:
            self._transport.reply(sender, msgspec.json.encode(Reply(sender, ok, detail)))
        except TransportError as error:
            log.warning("The answer to %s could not be sent: %s", name, error)

    def _obey(self, command: Command) -> tuple[bool, str]:
        if command.name == "shutdown":
            self._state.stop("a shutdown was asked for")
            return True, f"The training stops; its last checkpoint will be {self._folder.checkpoint}"
        if command.name == "best_is_saved":
            self.best_is_awaited = False
            return True, str(self._folder.best_model)
        if command.name not in ("quicksave", "save_best"):
            return False, f"There is no command {command.name!r}; there are quicksave, save_best and shutdown."
        best = command.name == "save_best"
        evaluated = None
        iteration = command.options.get("iteration") if best else None
        if iteration is not None and (evaluated := self._evaluations.kept(iteration)) is None:
            return (
                False,
                f"The model of iteration {iteration!r:.40} is not kept: only those that were evaluated last are.",
            )
        self.best_is_awaited = self.best_is_awaited or best
        path = self._folder.best_model if best else self._folder.manual_save(self._state.iteration)
        kind = "best" if best else "quicksave"
        options = CheckpointOptions(bool(command.options.get("buffer", False)), kind, evaluated)
        problem = self._saver.try_write(path, options)
        return problem is None, problem or str(path)
