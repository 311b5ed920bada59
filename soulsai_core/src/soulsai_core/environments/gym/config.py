"""Settings of the environment plugin "gymnasium"."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

AutoresetName = Literal["next_step", "same_step", "disabled"]

WrapperName = Literal[
    "AddWhiteNoise",
    "AtariPreprocessing",
    "ClipAction",
    "ClipReward",
    "DelayObservation",
    "DiscretizeAction",
    "DiscretizeObservation",
    "FilterObservation",
    "FlattenObservation",
    "FrameStackObservation",
    "GrayscaleObservation",
    "MaxAndSkipObservation",
    "NormalizeObservation",
    "NormalizeReward",
    "RescaleAction",
    "RescaleObservation",
    "ResizeObservation",
    "ReshapeObservation",
    "StickyAction",
    "TimeAwareObservation",
    "TimeLimit",
]
"""Those whose arguments are plain values, and that write no files: clients make what a server names."""


class WrapperChoice(BaseModel):
    """One wrapper, by the name of its entry point in the group `soulsai.wrappers`."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"soulsai.plugins": "wrapper"})

    name: str = Field(description="Name of the wrapper; `soulsai plugins` lists them.")
    config: dict[str, Any] = Field(default={}, description="The wrapper's own settings.")


class GymnasiumWrapper(BaseModel):
    """One of gymnasium's own wrappers, by the name of its class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gymnasium: WrapperName = Field(description="Name of the class in gymnasium.wrappers.")
    arguments: dict[str, Any] = Field(default={}, description="Its arguments besides the environment.")


class Config(BaseModel):
    """The gymnasium environment to play, and how to make it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(default="LunarLander-v3", description="A registered id, or module:Id to import the module first.")
    num_envs: int = Field(default=1, ge=1, description="Number of environments that one client steps together.")
    kwargs: dict[str, Any] = Field(default={}, description="Keyword arguments of gymnasium.make.")
    max_episode_steps: int | None = Field(
        default=None, ge=1, description="Steps after which an episode is truncated; null: the environment's own limit."
    )
    vectorization: Literal["sync", "async", "vector_entry_point"] = Field(
        default="sync",
        description="How several environments run: in one loop, in a process each, or as the environment's own vector "
        "version.",
    )
    autoreset_mode: AutoresetName = Field(
        default="same_step",
        description="How sync and async environments continue after an end. A vector_entry_point decides that itself.",
    )
    wrappers: tuple[WrapperChoice | GymnasiumWrapper, ...] = Field(
        default=(),
        description="Wrappers in the order in which they are applied, the innermost first: {name, config} of a plugin, "
        "or {gymnasium, arguments} of gymnasium's own.",
    )

    @model_validator(mode="after")
    def _vector_versions_take_no_wrappers(self) -> Config:
        if self.vectorization == "vector_entry_point" and self.wrappers:
            raise ValueError(
                "wrappers do not apply to vectorization: vector_entry_point, because they wrap single environments; "
                "use sync or async"
            )
        return self
