"""Experience replay of steps, for every algorithm that learns from rows made earlier (off-policy)."""

from soulsai_core.replay.priorities import PriorityOptions
from soulsai_core.replay.reading import Reading
from soulsai_core.replay.replay import Draw, Replay
from soulsai_core.replay.sequences import Sequences
from soulsai_core.replay.stacks import Stacks
from soulsai_core.replay.transitions import Steps

__all__ = ["Draw", "PriorityOptions", "Reading", "Replay", "Sequences", "Stacks", "Steps"]
