"""The contract of connectors: a correct one passes, each mistake fails."""

import pytest
from pydantic import BaseModel, ConfigDict, Field

from soulsai_core.contracts import ConnectorPlugin
from soulsai_core.hooks.hookspecs import HookSpecs, hookimpl
from soulsai_core.testing.connector import ConnectorContract, example_events


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str = Field(default="returns.txt", description="where returns are written")


class Writer:
    def __init__(self, config, context):
        self.path, self.file = context.folder / config.file, None

    @hookimpl
    def episode_finished(self, episode):
        self.file = self.file or self.path.open("a")
        self.file.write(f"{episode.total_reward}\n")

    def close(self):
        if self.file:
            self.file.close()


class TestCorrectConnectorPasses(ConnectorContract):
    @pytest.fixture
    def plugin(self):
        return ConnectorPlugin("writer", Settings, Writer)

    @pytest.fixture
    def config(self):
        return Settings()


class Misspelt(Writer):
    @hookimpl
    def epsiode_finished(self, episode):
        pass


class WrongArgument(Writer):
    @hookimpl
    def model_updated(self, loss):
        pass


class Silent:
    def episode_finished(self, episode):
        pass


class Raising(Writer):
    @hookimpl
    def weights_published(self, iteration):
        raise KeyError(iteration)


@pytest.mark.parametrize("connector", [Misspelt, WrongArgument, Silent, Raising, "class"])
def test_mistake_fails(tmp_path, connector):
    class Context:
        folder = tmp_path

    made = Writer if connector == "class" else connector.__new__(connector)
    if isinstance(made, Writer):
        made.__init__(Settings(), Context)
    contract = ConnectorContract()
    with pytest.raises(Exception, match=r"hook|argument|class|\d"):
        contract.test_connector_is_an_object_with_hooks(made)
        contract.test_every_event_is_accepted_from_another_thread(made, tmp_path)


def test_examples_cover_every_hook(tmp_path):
    hooks = {name for name in vars(HookSpecs) if not name.startswith("_")}
    assert {name for name, _ in example_events(tmp_path)} == hooks
