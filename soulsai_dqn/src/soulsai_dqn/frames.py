"""A client's view of image stacks: it stacks frames itself, and sends each of them once."""

from __future__ import annotations

from typing import Any

import numpy as np

from soulsai_core import Arrays, ArraySpec, SampleBatch
from soulsai_dqn.features import ENV_COLUMN, IMAGE, VECTOR, Features
from soulsai_dqn.nstep import Folded, fold

Step = dict[str, Any]


def frame_columns(
    features: Features, actions: int, stack: int, *, masked: bool, prioritized: bool
) -> dict[str, ArraySpec]:
    """The columns of samples with one frame in each row, the newest of what the row's action was chosen by.

    `env` and `number` say whose row it is and which: rows that follow each other have numbers that do. `age` counts
    the frames of its episode before it, as far as a stack needs them. `span` is the number of rows up to the one that
    is bootstrapped from, 0 where there is none: where `discount` is 0 because the episode terminated, and in the last
    row of a truncated episode, whose action led to a frame that is in no row; nothing is learned from that one."""
    assert features.frame is not None
    columns = {
        IMAGE: ArraySpec(features.frame, "uint8"),
        "action": ArraySpec((), "int32", low=0, high=actions - 1),
        "reward": ArraySpec((), "float32"),
        "discount": ArraySpec((), "float32", low=0, high=1),
        "env": ENV_COLUMN,
        "number": ArraySpec((), "int64", low=0),
        "age": ArraySpec((), "int32", low=0, high=stack - 1),
        "span": ArraySpec((), "int32", low=0),
    }
    if features.size:
        vector = features.columns()[VECTOR]
        columns |= {VECTOR: vector, f"next_{VECTOR}": vector}
    if masked:
        columns["next_mask"] = ArraySpec((actions,), "bool")
    if prioritized:
        columns["error"] = ArraySpec((), "float32", low=0)
    return columns


class FrameStack:
    """The newest frames of an environment; an episode's first frame fills the stack.

    Attributes:
        image: uint8 (stack * channels, height, width), the newest frame last. A new array at each step.
        age: frames of the episode before the newest, as far as the stack reaches.
    """

    def __init__(self, stack: int) -> None:
        self._stack = stack
        self.image = np.zeros(0, np.uint8)
        self.age = 0
        self._fresh = True

    def see(self, frame: np.ndarray) -> None:
        """The environment is acted upon with this frame (channels, height, width)."""
        self.image = self.with_next(frame)
        self.age = 0 if self._fresh else min(self.age + 1, self._stack - 1)

    def with_next(self, frame: np.ndarray) -> np.ndarray:
        """The stack that this frame makes."""
        if self._fresh:
            return np.concatenate([frame] * self._stack)
        return np.concatenate([self.image[len(frame) :], frame])

    def stepped(self, *, ended: bool) -> None:
        """What was seen led to a transition. Without one, the next frame begins an episode, too: some environments
        take a step for their reset."""
        self._fresh = ended


class FrameTrajectory:
    """Steps of one environment that are not yet samples."""

    def __init__(self) -> None:
        self._steps: list[Step] = []
        self._after: Arrays = {}
        self._number = 0

    def append(self, step: Step, after: Arrays) -> None:
        """Add a step: "image" is the stack that was acted upon, "reward", "terminated", "ended" and "iteration" are
        what it gave; `after` are the stack and vector that it led to."""
        self._steps.append({**step, "number": np.int64(self._number)})
        self._after = after
        self._number += 1

    def cut(self) -> None:
        """The last step was the last one seen of its episode. A number is left out: a row may wait for the next."""
        if self._steps:
            self._steps[-1]["ended"] = True
        self._number += 1

    def take(self, n: int, gamma: float) -> tuple[SampleBatch, Arrays] | None:
        """Remove and return the rows whose n-step returns are known: with stacks in "image", and beside them the
        stacks "next_image" that they are bootstrapped from."""
        if not self._steps:
            return None
        steps = {name: np.array([step[name] for step in self._steps]) for name in self._steps[0] if name != IMAGE}
        folded, span = fold_frames(steps["reward"], steps["terminated"], steps["ended"], n, gamma)
        count = len(folded.last)
        if not count:
            return None
        stacks = [step[IMAGE] for step in self._steps] + [self._after[IMAGE]]
        columns = {
            **{name: steps[name][:count] for name in ("action", "number", "age", "env")},
            **{name: steps[name][:count] for name in (VECTOR,) if name in steps},
            **{name: steps[name][folded.last] for name in (f"next_{VECTOR}", "next_mask") if name in steps},
            IMAGE: np.stack(stacks[:count]),
            "reward": folded.reward,
            "discount": folded.discount,
            "span": span,
        }
        following = {f"next_{IMAGE}": np.stack([stacks[t + s] for t, s in enumerate(span.tolist())])}
        del self._steps[:count]
        return SampleBatch(steps["iteration"][:count], columns), following


def fold_frames(
    reward: np.ndarray, terminated: np.ndarray, ended: np.ndarray, n: int, gamma: float
) -> tuple[Folded, np.ndarray]:
    """Fold steps whose successors are known as rows only; returns the sums and int32 (rows,) "span".

    The frame that a truncated episode ended with is in no row. Its last rows are bootstrapped from the last frame that
    is: their sums end one reward earlier. The very last row has span 0 and a discount, and teaches nothing."""
    truncated = ended & ~terminated
    ends = ended.copy()
    ends[:-1] |= truncated[1:]
    folded = fold(reward, terminated, ends, n, gamma)
    rows = np.arange(len(folded.last))
    none = terminated[folded.last] | truncated[: len(rows)]
    return folded, np.where(none, 0, folded.last + 1 - rows).astype(np.int32)
