"""Commands to the training node: each is obeyed between two rounds of the loop, and answered."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from soulsai_core.contracts import Transport
from soulsai_core.errors import TransportError
from soulsai_core.messages import Command, Reply
from soulsai_core.node.saving import CheckpointOptions, Saver
from soulsai_core.run_folder import RunFolder

log = logging.getLogger(__name__)


class CommandHandler:
    """Obeys "quicksave" (option `buffer`), "save_best" and "shutdown".

    Args:
        iteration: newest iteration, asked for at each save.
        shutdown: called with the reason.
    """

    def __init__(
        self,
        transport: Transport,
        saver: Saver,
        folder: RunFolder,
        iteration: Callable[[], int],
        shutdown: Callable[[str], None],
    ) -> None:
        self._transport = transport
        self._saver = saver
        self._folder = folder
        self._iteration = iteration
        self._shutdown = shutdown

    def answer(self, command: Command) -> None:
        """Obey, and tell the sender how it went: where the checkpoint is, or why not."""
        ok, detail = self._obey(command)
        try:
            self._transport.reply(command.id, msgspec.json.encode(Reply(command.id, ok, detail)))
        except TransportError as error:
            log.warning("The answer to %s could not be sent: %s", command.name, error)

    def _obey(self, command: Command) -> tuple[bool, str]:
        if command.name == "shutdown":
            self._shutdown("a shutdown was asked for")
            return True, f"The training stops; its last checkpoint will be {self._folder.checkpoint}"
        if command.name not in ("quicksave", "save_best"):
            return False, f"There is no command {command.name!r}; there are quicksave, save_best and shutdown."
        best = command.name == "save_best"
        path = self._folder.best_model if best else self._folder.manual_save(self._iteration())
        options = CheckpointOptions(bool(command.options.get("buffer", False)), "best" if best else "quicksave")
        problem = self._saver.try_write(path, options)
        return problem is None, problem or str(path)
