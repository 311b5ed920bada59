"""Distributed reinforcement learning on slow, real environments. The names here are what plugins may rely on."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soulsai_core.agents import Agent as Agent
    from soulsai_core.assembly.from_python import AlgorithmTrainingNode as AlgorithmTrainingNode
    from soulsai_core.assembly.from_python import join as join
    from soulsai_core.assembly.nodes import load_agent as load_agent
    from soulsai_core.assembly.nodes import open_transport as open_transport
    from soulsai_core.cli.display import start_logging as start_logging
    from soulsai_core.cli.interrupts import on_interrupt as on_interrupt
    from soulsai_core.cli.options import add_config_arguments as add_config_arguments
    from soulsai_core.cli.options import config_from as config_from
    from soulsai_core.cli.waiting import wait_for_server as wait_for_server
    from soulsai_core.cli.waiting import when_parent_ends as when_parent_ends
    from soulsai_core.client.client import Client as Client
    from soulsai_core.config import Config as Config
    from soulsai_core.config import RedisSettings as RedisSettings
    from soulsai_core.config import Settings as Settings
    from soulsai_core.config import load_config as load_config
    from soulsai_core.config import resolve_telemetry as resolve_telemetry
    from soulsai_core.contracts import API_VERSION as API_VERSION
    from soulsai_core.contracts import Actor as Actor
    from soulsai_core.contracts import AlgorithmPlugin as AlgorithmPlugin
    from soulsai_core.contracts import ConnectorContext as ConnectorContext
    from soulsai_core.contracts import ConnectorPlugin as ConnectorPlugin
    from soulsai_core.contracts import Entry as Entry
    from soulsai_core.contracts import Environment as Environment
    from soulsai_core.contracts import EnvironmentPlugin as EnvironmentPlugin
    from soulsai_core.contracts import Learner as Learner
    from soulsai_core.contracts import NetworkPlugin as NetworkPlugin
    from soulsai_core.contracts import PresetPlugin as PresetPlugin
    from soulsai_core.contracts import Sync as Sync
    from soulsai_core.contracts import TelemetryPlugin as TelemetryPlugin
    from soulsai_core.contracts import Transport as Transport
    from soulsai_core.contracts import WrapperPlugin as WrapperPlugin
    from soulsai_core.environments.gym.single import SingleEnvironment as SingleEnvironment
    from soulsai_core.errors import AccessError as AccessError
    from soulsai_core.errors import CheckpointError as CheckpointError
    from soulsai_core.errors import ConfigError as ConfigError
    from soulsai_core.errors import EnvironmentFailure as EnvironmentFailure
    from soulsai_core.errors import EnvironmentNotReady as EnvironmentNotReady
    from soulsai_core.errors import PluginError as PluginError
    from soulsai_core.errors import SoulsAIError as SoulsAIError
    from soulsai_core.errors import SpaceError as SpaceError
    from soulsai_core.errors import TransportError as TransportError
    from soulsai_core.hookspecs import HookSpecs as HookSpecs
    from soulsai_core.hookspecs import hookimpl as hookimpl
    from soulsai_core.hookspecs import hookspec as hookspec
    from soulsai_core.lstm import LSTMState as LSTMState
    from soulsai_core.lstm import lstm_step as lstm_step
    from soulsai_core.messages import Announcement as Announcement
    from soulsai_core.messages import Arrays as Arrays
    from soulsai_core.messages import ArraySpec as ArraySpec
    from soulsai_core.messages import ClientInfo as ClientInfo
    from soulsai_core.messages import ClientStatus as ClientStatus
    from soulsai_core.messages import Command as Command
    from soulsai_core.messages import Continuous as Continuous
    from soulsai_core.messages import Discrete as Discrete
    from soulsai_core.messages import EnvSpec as EnvSpec
    from soulsai_core.messages import Episode as Episode
    from soulsai_core.messages import MultiDiscrete as MultiDiscrete
    from soulsai_core.messages import NodeStatus as NodeStatus
    from soulsai_core.messages import Reply as Reply
    from soulsai_core.messages import State as State
    from soulsai_core.messages import Step as Step
    from soulsai_core.messages import Weights as Weights
    from soulsai_core.node.training import TrainingNode as TrainingNode
    from soulsai_core.observations.bounds import tolerated_bounds as tolerated_bounds
    from soulsai_core.observations.features import IMAGE as IMAGE
    from soulsai_core.observations.features import VECTOR as VECTOR
    from soulsai_core.observations.features import Features as Features
    from soulsai_core.observations.images import channels_first as channels_first
    from soulsai_core.observations.images import image_shape as image_shape
    from soulsai_core.observations.images import is_image as is_image
    from soulsai_core.observations.moments import RunningMoments as RunningMoments
    from soulsai_core.observations.moments import normalized as normalized
    from soulsai_core.observers import Observers as Observers
    from soulsai_core.plugins.catalog import Catalog as Catalog
    from soulsai_core.run_folder import RunFolder as RunFolder
    from soulsai_core.run_folder import running_address as running_address
    from soulsai_core.steps import ACTION as ACTION
    from soulsai_core.steps import DURATION as DURATION
    from soulsai_core.steps import ITERATION as ITERATION
    from soulsai_core.steps import MASK as MASK
    from soulsai_core.steps import REWARD as REWARD
    from soulsai_core.steps import STREAM as STREAM
    from soulsai_core.steps import Closed as Closed
    from soulsai_core.steps import End as End
    from soulsai_core.steps import Source as Source
    from soulsai_core.steps import Sparse as Sparse
    from soulsai_core.steps import StepBatch as StepBatch
    from soulsai_core.steps import Transitions as Transitions
    from soulsai_core.steps import starts_after as starts_after
    from soulsai_core.steps import step_columns as step_columns
    from soulsai_core.threads import SupervisedLoop as SupervisedLoop
    from soulsai_core.transport.embedded import EmbeddedServer as EmbeddedServer

_HOME = {
    "agents": ("Agent",),
    "assembly.nodes": (
        "load_agent",
        "open_transport",
    ),
    "observations.bounds": ("tolerated_bounds",),
    "plugins.catalog": ("Catalog",),
    "cli.display": ("start_logging",),
    "cli.interrupts": ("on_interrupt",),
    "cli.options": (
        "add_config_arguments",
        "config_from",
    ),
    "cli.waiting": (
        "wait_for_server",
        "when_parent_ends",
    ),
    "client.client": ("Client",),
    "config": (
        "Config",
        "RedisSettings",
        "Settings",
        "load_config",
        "resolve_telemetry",
    ),
    "contracts": (
        "API_VERSION",
        "Actor",
        "AlgorithmPlugin",
        "ConnectorContext",
        "ConnectorPlugin",
        "Entry",
        "Environment",
        "EnvironmentPlugin",
        "Learner",
        "NetworkPlugin",
        "PresetPlugin",
        "Sync",
        "TelemetryPlugin",
        "Transport",
        "WrapperPlugin",
    ),
    "errors": (
        "AccessError",
        "CheckpointError",
        "ConfigError",
        "EnvironmentFailure",
        "EnvironmentNotReady",
        "PluginError",
        "SoulsAIError",
        "SpaceError",
        "TransportError",
    ),
    "observations.features": (
        "IMAGE",
        "VECTOR",
        "Features",
    ),
    "assembly.from_python": (
        "AlgorithmTrainingNode",
        "join",
    ),
    "environments.gym.single": ("SingleEnvironment",),
    "observers": ("Observers",),
    "observations.images": (
        "channels_first",
        "image_shape",
        "is_image",
    ),
    "hookspecs": (
        "HookSpecs",
        "hookimpl",
        "hookspec",
    ),
    "lstm": (
        "LSTMState",
        "lstm_step",
    ),
    "messages": (
        "Announcement",
        "ArraySpec",
        "Arrays",
        "ClientInfo",
        "ClientStatus",
        "Command",
        "Continuous",
        "Discrete",
        "EnvSpec",
        "Episode",
        "MultiDiscrete",
        "NodeStatus",
        "Reply",
        "State",
        "Step",
        "Weights",
    ),
    "observations.moments": (
        "RunningMoments",
        "normalized",
    ),
    "run_folder": (
        "RunFolder",
        "running_address",
    ),
    "steps": (
        "ACTION",
        "DURATION",
        "ITERATION",
        "MASK",
        "REWARD",
        "STREAM",
        "Closed",
        "End",
        "Source",
        "Sparse",
        "StepBatch",
        "Transitions",
        "starts_after",
        "step_columns",
    ),
    "threads": ("SupervisedLoop",),
    "node.training": ("TrainingNode",),
    "transport.embedded": ("EmbeddedServer",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Modules are imported when their names are first asked for: `soulsai --help` needs none of them."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value
