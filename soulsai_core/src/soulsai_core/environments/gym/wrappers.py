"""Built-in wrappers, registered in the group `soulsai.wrappers` as those of other distributions are."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

import gymnasium
from pydantic import BaseModel, ConfigDict, Field

from soulsai_core.contracts import WrapperPlugin
from soulsai_core.errors import EnvironmentFailure


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClipRewardConfig(_Settings):
    """Settings of clip_reward."""

    low: float = Field(default=-1.0, description="Smallest reward; lower ones become this.")
    high: float = Field(default=1.0, description="Largest reward; higher ones become this.")


class ScaleRewardConfig(_Settings):
    """Settings of scale_reward."""

    factor: float = Field(default=1.0, description="Factor that each reward is multiplied by.")


class FrameStackConfig(_Settings):
    """Settings of frame_stack."""

    size: int = Field(default=4, ge=2, description="Observations in a stack, the newest one last.")
    padding: Literal["reset", "zero"] = Field(default="reset", description="What fills the stack of a new episode.")


class ResizeConfig(_Settings):
    """Settings of resize."""

    height: int = Field(default=84, ge=1, description="Rows of the image.")
    width: int = Field(default=84, ge=1, description="Columns of the image.")


class GrayscaleConfig(_Settings):
    """Settings of grayscale."""

    keep_channel: bool = Field(
        default=False, description="Whether the shape is (height, width, 1) instead of (height, width)."
    )


def _clip_reward(env: gymnasium.Env, config: ClipRewardConfig) -> gymnasium.Env:
    from gymnasium.wrappers import ClipReward

    return ClipReward(env, config.low, config.high)


def _scale_reward(env: gymnasium.Env, config: ScaleRewardConfig) -> gymnasium.Env:
    from gymnasium.wrappers import TransformReward

    return TransformReward(env, lambda reward: float(reward) * config.factor)


def _frame_stack(env: gymnasium.Env, config: FrameStackConfig) -> gymnasium.Env:
    from gymnasium.wrappers import FrameStackObservation

    return FrameStackObservation(env, config.size, padding_type=config.padding)


def _resize(env: gymnasium.Env, config: ResizeConfig) -> gymnasium.Env:
    from gymnasium.wrappers import ResizeObservation

    if find_spec("cv2") is None:
        raise EnvironmentFailure("the wrapper 'resize' needs OpenCV: pip install opencv-python-headless")
    return ResizeObservation(env, (config.height, config.width))


def _grayscale(env: gymnasium.Env, config: GrayscaleConfig) -> gymnasium.Env:
    from gymnasium.wrappers import GrayscaleObservation

    return GrayscaleObservation(env, keep_dim=config.keep_channel)


clip_reward = WrapperPlugin("clip_reward", ClipRewardConfig, _clip_reward)
scale_reward = WrapperPlugin("scale_reward", ScaleRewardConfig, _scale_reward)
frame_stack = WrapperPlugin("frame_stack", FrameStackConfig, _frame_stack)
resize = WrapperPlugin("resize", ResizeConfig, _resize)
grayscale = WrapperPlugin("grayscale", GrayscaleConfig, _grayscale)
