"""Draws random arrays that fit a spec, and asserts that arrays do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soulsai_core.messages import ActionSpec, ArraySpec, Continuous, Discrete, MultiDiscrete


def draw(spec: ArraySpec, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Random (rows, *shape) within the bounds."""
    dtype = np.dtype(spec.dtype)
    shape = (rows, *spec.shape)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        low = int(spec.low or 0)
        high = int(9 if spec.high is None else spec.high)
        return rng.integers(low, high, shape, endpoint=True).astype(dtype)
    if spec.low is None or spec.high is None:
        return rng.normal(size=shape).astype(dtype)
    return rng.uniform(spec.low, spec.high, shape).astype(dtype)


def draw_actions(action: ActionSpec, masks: np.ndarray | None, rows: int, rng: np.random.Generator) -> np.ndarray:
    """Random valid actions (rows, *action shape)."""
    match action:
        case Discrete(n=n) if masks is not None:
            return np.array([rng.choice(np.flatnonzero(mask) if mask.any() else n) for mask in masks], np.int64)
        case Discrete(n=n):
            return rng.integers(n, size=rows)
        case MultiDiscrete(nvec=nvec):
            return rng.integers(np.array(nvec), size=(rows, len(nvec)))
        case Continuous(shape=shape):
            low, high = _bounds(action)
            wide = rng.uniform(np.maximum(low, -1e3), np.minimum(high, 1e3), (rows, len(low)))
            return wide.astype(np.float32).reshape(rows, *shape)


def assert_rows_fit(arrays: Mapping[str, np.ndarray], specs: Mapping[str, ArraySpec], rows: int | None = None) -> None:
    """Names, dtypes and shapes are those of the specs; `rows` None takes single observations without a row axis."""
    assert set(arrays) == set(specs), f"names {sorted(arrays)} instead of {sorted(specs)}"
    for name, spec in specs.items():
        array = np.asarray(arrays[name])
        shape = spec.shape if rows is None else (rows, *spec.shape)
        assert array.dtype == np.dtype(spec.dtype), f"{name} has dtype {array.dtype} instead of {spec.dtype}"
        assert array.shape == shape, f"{name} has shape {array.shape} instead of {shape}"


def assert_bounds_hold(arrays: Mapping[str, np.ndarray], specs: Mapping[str, ArraySpec]) -> None:
    """All values lie within the specs' bounds."""
    for name, spec in specs.items():
        array = arrays[name]
        low_holds = spec.low is None or (array >= spec.low).all()
        high_holds = spec.high is None or (array <= spec.high).all()
        assert low_holds and high_holds, f"{name} is not within {spec.low} .. {spec.high}: {array}"


def assert_own_fit(own: Mapping[str, np.ndarray], specs: Mapping[str, ArraySpec], rows: int) -> None:
    """Own columns that `Actor.act` returned are those that its plugin declares; only sparse ones may be missing."""
    assert isinstance(own, Mapping), f"act returned {type(own).__name__} with the actions, not own columns by name"
    expected = {name: spec for name, spec in specs.items() if not spec.sparse or name in own}
    assert_rows_fit(own, expected, rows)
    assert_bounds_hold(own, expected)
    assert all(np.isfinite(column).all() for column in own.values()), f"own columns are not all finite: {own}"


def assert_actions_fit(actions: np.ndarray, action: ActionSpec, rows: int, masks: np.ndarray | None = None) -> None:
    """Actions (rows, *action shape) are of the right type and in the space; `masks` bool (rows, actions) hold."""
    match action:
        case Discrete(n=n):
            _assert_form(actions, np.int64, (rows,))
            assert ((actions >= 0) & (actions < n)).all(), f"actions {actions} are not all in 0 .. {n - 1}"
            if masks is not None:
                chosen = masks[np.arange(rows), actions] | ~masks.any(axis=1)
                assert chosen.all(), f"rows {np.flatnonzero(~chosen)} chose actions that their masks forbid: {actions}"
        case MultiDiscrete(nvec=nvec):
            _assert_form(actions, np.int64, (rows, len(nvec)))
            assert ((actions >= 0) & (actions < np.array(nvec))).all(), f"actions {actions} are not all below {nvec}"
        case Continuous(shape=shape):
            _assert_form(actions, np.float32, (rows, *shape))
            low, high = _bounds(action)
            flat = actions.reshape(rows, -1)
            assert np.isfinite(flat).all(), f"actions {actions} are not all finite"
            assert ((flat >= low) & (flat <= high)).all(), f"actions {actions} are not all in [{low}, {high}]"


def _assert_form(actions: np.ndarray, dtype: type[np.generic], shape: tuple[int, ...]) -> None:
    assert isinstance(actions, np.ndarray), f"actions are {type(actions).__name__}, not a numpy array"
    assert actions.dtype == dtype, f"actions have dtype {actions.dtype} instead of {np.dtype(dtype)}"
    assert actions.shape == shape, f"actions have shape {actions.shape} instead of {shape}"


def _bounds(action: Continuous) -> tuple[np.ndarray, np.ndarray]:
    low = np.array([-np.inf if bound is None else bound for bound in action.low], np.float32)
    high = np.array([np.inf if bound is None else bound for bound in action.high], np.float32)
    return low, high
