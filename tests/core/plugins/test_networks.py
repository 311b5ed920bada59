"""Networks are plugins like the others: found by name, refused with a sentence."""

import pytest
from pydantic import BaseModel

from soulsai_core import Catalog, NetworkPlugin, PluginError
from soulsai_core.contracts import API_VERSION

PLUGIN = """
from pydantic import BaseModel
from soulsai_core import NetworkPlugin
class Config(BaseModel): pass
plugin = NetworkPlugin("transformer", Config, lambda config, shapes, generator: None{more})
"""


def test_network_is_found_by_its_name(site):
    site.add("networks", "transformer", "acme", code=PLUGIN.format(more=""))
    network = site.catalog().network("transformer")
    assert (network.name, network.images, network.api_version) == ("transformer", False, API_VERSION)
    assert issubclass(network.config, BaseModel)


def test_network_for_another_api_is_refused(site):
    site.add("networks", "transformer", "acme", code=PLUGIN.format(more=", api_version=99"))
    with pytest.raises(PluginError, match=r"The network 'transformer' of acme 1.2 .*api_version 99"):
        site.catalog().network("transformer")


def test_missing_network_of_ours_says_what_to_install(site):
    with pytest.raises(PluginError, match=r"no network 'nature_cnn' installed.*pip install soulsai-dqn"):
        site.catalog().network("nature_cnn")


def test_installed_networks_are_usable():
    found = Catalog().usable("network")
    assert {"mlp", "nature_cnn", "impala_cnn"} <= {network.name for network in found}
    assert all(isinstance(network, NetworkPlugin) for network in found)
