"""Fixtures of the core's tests: distributions that are installed only for one test."""

import importlib
import struct
import sys
import textwrap
import zlib
from importlib.metadata import distributions

import hypothesis
import msgspec
import pytest
from clocks import Clock

from soulsai_core.plugins.catalog import Catalog
from soulsai_core.wire import Header

hypothesis.settings.register_profile("unhurried", deadline=None)  # other work runs on the same machine
hypothesis.settings.load_profile("unhurried")

ALGORITHM = """
from typing import Literal
from pydantic import Field, SecretStr
from soulsai_core.config import Settings
from soulsai_core.contracts import AlgorithmPlugin

class Noise(Settings):
    scale: float = Field(default=0.5, description="Spread of the noise.")

class Config(Settings):
    lr: float = Field(default=1e-3, gt=0, description="Learning rate.")
    loss: Literal["huber", "mse"] = Field(default="huber", description="Loss of the error.")
    layers: list[int] = Field(default=[64, 64], description="Widths.")
    tag: str = Field(default="1e-3", description="A text that looks like a number.")
    noise: Noise | None = Field(default=Noise(), description="Noise on the weights; null for none.")
    limit: int | Noise = Field(default=3, description="Either of two types.")
    api_key: SecretStr | None = Field(default=SecretStr("hush"), description="Something to hide.")

plugin = AlgorithmPlugin(name={name!r}, config=Config, sync=print, learner=print, actor=print)
"""
ENVIRONMENT = """
from typing import Any
from pydantic import Field
from soulsai_core.config import Settings
from soulsai_core.contracts import EnvironmentPlugin

class Config(Settings):
    id: str = Field(default="LunarLander-v3", description="Id of the environment.")
    kwargs: dict[str, Any] = Field(default={{}}, description="Given to the constructor.")

plugin = EnvironmentPlugin(name={name!r}, config=Config, spec=print, make=print)
"""
CONNECTOR = """
from soulsai_core.config import Settings
from soulsai_core.contracts import ConnectorPlugin

class Config(Settings):
    port: int = 8000

plugin = ConnectorPlugin(name={name!r}, config=Config, make=print)
"""
SOURCES = {"algorithms": ALGORITHM, "environments": ENVIRONMENT, "connectors": CONNECTOR}


class Site:
    """A folder that stands for site-packages, with distributions that the test puts there."""

    def __init__(self, folder):
        self.folder = folder
        self.modules = []

    def add(self, kind, name, distribution, *, code=None, target=None):
        """A distribution with one module and one entry point. Returns the module's name."""
        module = f"site_{distribution.replace('-', '_')}_{name}"
        code = SOURCES[kind].format(name=name) if code is None else textwrap.dedent(code)
        (self.folder / f"{module}.py").write_text(code)
        info = self.folder / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        with (info / "entry_points.txt").open("a") as file:
            file.write(f"[soulsai.{kind}]\n{name} = {target or f'{module}:plugin'}\n")
        self.modules.append(module)
        importlib.invalidate_caches()
        return module

    def imported(self, module):
        return module in sys.modules

    def catalog(self):
        def entries(group):
            return [e for d in distributions(path=[str(self.folder)]) for e in d.entry_points.select(group=group)]

        return Catalog(entries)


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty folder for distributions, whose modules can be imported and are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    site = Site(folder)
    yield site
    for module in site.modules:
        sys.modules.pop(module, None)


@pytest.fixture
def catalog(site):
    """The algorithms dqn and ppo, the environment gymnasium and the connector json_file, all fakes."""
    site.add("algorithms", "dqn", "soulsai-dqn")
    site.add("algorithms", "ppo", "soulsai-ppo")
    site.add("environments", "gymnasium", "soulsai-gym")
    site.add("connectors", "json_file", "soulsai-telemetry")
    return site.catalog()


@pytest.fixture(scope="session")
def seal():
    """A function: a sample message with its header changed by a function, and lengths and checksum put right."""
    prefix = struct.Struct("<4sHHIQI")

    def seal(data, change=None):
        magic, number, reserved, length, _, _ = prefix.unpack_from(data)
        header, body = data[prefix.size : prefix.size + length], data[prefix.size + length :]
        if change is not None:
            header = msgspec.msgpack.encode(change(msgspec.msgpack.decode(header, type=Header)))
        checksum = zlib.crc32(body, zlib.crc32(header))
        return prefix.pack(magic, number, reserved, len(header), len(body), checksum) + header + body

    return seal


@pytest.fixture
def clock():
    return Clock()
