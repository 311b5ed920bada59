"""Settings of the environment plugin `souls`."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

SIMULATED_BOSSES = {"iudex": "Iudex Gundyr", "vordt": "Vordt of the Boreal Valley"}
"""soulsgym's short names of the bosses in the simulated game, and their names in the game."""

FaultName = Literal["freeze", "crash", "exit", "dialog", "lost_focus", "slow_frame"]


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ImageConfig(_Settings):
    """Preprocessing of the images of the …Img environments."""

    height: int = Field(default=90, ge=1, description="Rows of the image; the game gives 90.")
    width: int = Field(default=160, ge=1, description="Columns of the image; the game gives 160.")
    gray: bool = Field(default=False, description="One channel instead of three.")
    stack: int = Field(default=1, ge=1, description="Number of stacked images, the newest one last.")


class FaultsConfig(_Settings):
    """Faults of the simulated game, to test how clients recover."""

    kinds: tuple[FaultName, ...] = Field(default=(), description="Which faults occur.")
    every: float = Field(default=1000, ge=1, description="Mean number of environment steps between two faults.")
    exact: bool = Field(default=False, description="Always `every` steps between two faults, instead of at random.")
    slow_frame_s: float = Field(default=1.0, gt=0, description="Duration of a slow frame in seconds.")


class SimulationConfig(_Settings):
    """The simulated game."""

    pace: float | None = Field(
        default=None, gt=0, description="Game seconds in a real second, at game_speed 1; null is as fast as possible."
    )
    faults: FaultsConfig = Field(default=FaultsConfig(), description="Faults, for tests.")


class SoulsConfig(_Settings):
    """Which fight, in which game, and what the agent observes of it."""

    id: str = Field(
        default="SoulsGymIudex-v0", pattern=r"^SoulsGym[A-Za-z]+-v\d+$", description="An environment of soulsgym."
    )
    game: Literal["real", "simulated"] = Field(
        default="real", description="Dark Souls III on this PC, or a simulated game that runs anywhere."
    )
    game_speed: float = Field(default=1.0, gt=0, le=5, description="How fast the game runs; soulsgym advises 1 to 3.")
    phase: Literal[1, 2] = Field(default=1, description="Phase of the boss; the demo environments have both.")
    init_pose_randomization: bool = Field(default=False, description="Start at a random position around the boss.")
    skip_steps: bool = Field(
        default=False,
        description="Whether a step lasts until the player can act again. Steps then differ in length, so this "
        "implies `timed`. Only the newest source of soulsgym can do it.",
    )
    timed: bool = Field(
        default=False,
        description="Whether the discount follows the game's time: gamma for each tenth of a second that a step took, "
        "instead of for each step.",
    )
    kwargs: dict[str, Any] = Field(default={}, description="Further arguments of the environment.")
    relative: bool = Field(
        default=True,
        description="The state vector describes player and boss as they see each other; false: by their positions and "
        "headings in the arena.",
    )
    max_episode_steps: int | None = Field(
        default=None, ge=1, description="Truncate episodes after this many steps; null keeps soulsgym's limit of 3000."
    )
    image: ImageConfig = Field(default=ImageConfig(), description="Preprocessing of images.")
    simulation: SimulationConfig = Field(default=SimulationConfig(), description="The simulated game.")

    @property
    def boss(self) -> str:
        """soulsgym's short name of the boss."""
        return self.id.removeprefix("SoulsGym").partition("-v")[0].removesuffix("Demo").removesuffix("Img").lower()

    @property
    def has_images(self) -> bool:
        """Whether the agent observes images instead of the state vector."""
        return self.id.partition("-v")[0].endswith("Img")

    @property
    def is_demo(self) -> bool:
        """Whether an episode has both phases."""
        return self.id.partition("-v")[0].endswith("Demo")

    @property
    def is_timed(self) -> bool:
        """Whether the lengths of steps are reported."""
        return self.timed or self.skip_steps

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.game == "simulated" and self.boss not in SIMULATED_BOSSES:
            known = " and ".join(SIMULATED_BOSSES.values())
            raise ValueError(f"the simulated game has {known} only, so id {self.id} needs game: real")
        if self.is_demo and self.phase != 1:
            raise ValueError("phase must be 1 in a demo environment, which fights both phases in one episode")
        return self
