"""Plugins are found by name, and one that cannot be used is refused with a sentence that helps."""

import pytest

from soulsai_core.contracts import AlgorithmPlugin, ConnectorPlugin, EnvironmentPlugin
from soulsai_core.errors import PluginError
from soulsai_core.plugins.catalog import Catalog


def refusal(catalog, name="dqn"):
    with pytest.raises(PluginError) as caught:
        catalog.algorithm(name)
    return str(caught.value)


def test_each_kind_of_plugin_is_found_by_its_name(catalog):
    assert isinstance(catalog.algorithm("dqn"), AlgorithmPlugin)
    assert isinstance(catalog.environment("gymnasium"), EnvironmentPlugin)
    assert isinstance(catalog.connector("json_file"), ConnectorPlugin)


def test_plugins_that_are_not_chosen_are_never_imported(site):
    chosen = site.add("algorithms", "dqn", "soulsai-dqn")
    other = site.add("algorithms", "ppo", "soulsai-ppo")
    site.catalog().algorithm("dqn")
    assert site.imported(chosen)
    assert not site.imported(other)


def test_a_broken_plugin_that_is_not_chosen_does_not_matter(site):
    site.add("algorithms", "dqn", "soulsai-dqn")
    site.add("algorithms", "broken", "broken", code="import nothing_of_that_name")
    assert site.catalog().algorithm("dqn").name == "dqn"


def test_a_missing_plugin_of_ours_is_an_error_with_what_is_installed_and_what_to_install(site):
    site.add("algorithms", "dqn", "soulsai-dqn")
    sentence = "There is no algorithm 'ppo' installed. Installed: dqn (soulsai-dqn 1.2). Try: pip install soulsai-ppo"
    assert refusal(site.catalog(), "ppo") == sentence


def test_a_typing_error_suggests_the_nearest_plugin_and_no_download(site):
    site.add("algorithms", "rainbow", "soulsai-rainbow")
    message = refusal(site.catalog(), "ranbow")
    assert message.startswith("There is no algorithm 'ranbow' installed. Did you mean 'rainbow'?")
    assert "pip" not in message


def test_a_missing_plugin_is_an_error_when_nothing_is_installed():
    assert (
        refusal(Catalog(lambda group: []), "mine") == "There is no algorithm 'mine' installed. No other is installed."
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("assert False, 'two\\nlines'", "AssertionError: two lines"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("", "AttributeError: module 'site_acme_dqn' has no attribute 'plugin'"),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_refused_with_its_distribution_and_reason(site, code, reason):
    site.add("algorithms", "dqn", "acme", code=code)
    assert refusal(site.catalog()).startswith(f"The algorithm 'dqn' of acme 1.2 cannot be used: {reason}.")


def test_the_original_error_of_an_import_stays_attached_for_a_debugger(site):
    site.add("algorithms", "dqn", "acme", code="import nothing_of_that_name")
    with pytest.raises(PluginError) as caught:
        site.catalog().algorithm("dqn")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


@pytest.mark.parametrize("between", [False, True])
def test_a_name_in_two_distributions_is_an_error_with_both(site, between):
    site.add("algorithms", "dqn", "acme")
    if between:  # duplicates that are not neighbors are easily overlooked
        site.add("algorithms", "other", "beyond")
    site.add("algorithms", "dqn", "zenith")
    assert "installed more than once, by acme 1.2 and zenith 1.2" in refusal(site.catalog())
    assert not any(map(site.imported, site.modules))


def test_a_class_in_place_of_an_object_is_refused(site):
    code = "from soulsai_core.contracts import AlgorithmPlugin as plugin"
    site.add("algorithms", "dqn", "acme", code=code)
    assert "names the class AlgorithmPlugin and must name an object" in refusal(site.catalog())


def test_an_object_of_another_kind_is_refused(site):
    site.add("environments", "arena", "acme")
    site.add("algorithms", "dqn", "beyond", target="site_acme_arena:plugin")
    assert "EnvironmentPlugin, which is no AlgorithmPlugin" in refusal(site.catalog())


@pytest.mark.parametrize(
    ("arguments", "flaw"),
    [
        ("name='dqn', config=BaseModel, api_version=99", "made for api_version 99 and this soulsai-core has 1"),
        ("name='dnq', config=BaseModel", "calls itself 'dnq'"),
        ("name='dqn', config=BaseModel, columns=3", "its columns is 3, and must be a function (config, spec) ->"),
        ("name='dqn', config=Size", "its config has no default for size, and every setting must have one"),
        ("name='dqn', config=Wrong", "the defaults of its config do not fit it: size: Input should be a valid integer"),
        ("name='dqn', config=Odd", "its config has the setting what, which is no JSON"),
        ("name='dqn', config={}", "its config is an object of type dict, which is no pydantic model class"),
    ],
)
def test_a_plugin_that_does_not_fit_the_contract_is_refused(site, arguments, flaw):
    code = f"""
    from pydantic import BaseModel
    from soulsai_core import Settings
    from soulsai_core.contracts import AlgorithmPlugin
    class Size(BaseModel):
        size: int
    class Wrong(Settings):
        size: int = "ten"
    class Odd(BaseModel):
        what: object = object()
    plugin = AlgorithmPlugin({arguments}, sync=print, learner=print, actor=print)
    """
    site.add("algorithms", "dqn", "acme", code=code)
    assert flaw in refusal(site.catalog())


def test_the_listing_shows_everything_installed_and_why_something_cannot_be_used(site):
    site.add("algorithms", "broken", "acme", code="import nothing_of_that_name")
    site.add("algorithms", "dqn", "soulsai-dqn")
    site.add("connectors", "json_file", "soulsai-telemetry")
    broken, dqn, connector = site.catalog().listing()
    assert "nothing_of_that_name" in broken.error
    assert (dqn.group, dqn.name, dqn.distribution, dqn.version) == ("soulsai.algorithms", "dqn", "soulsai-dqn", "1.2")
    assert (dqn.error, connector.error) == (None, None)


def test_the_listing_shows_both_of_two_that_share_a_name_and_how_to_choose_them(site):
    site.add("algorithms", "dqn", "acme")
    site.add("algorithms", "dqn", "zenith")
    site.add("algorithms", "ppo", "zenith")
    rows = site.catalog().listing()
    assert [row.choice for row in rows] == ["acme:dqn", "zenith:dqn", "ppo"]
    assert not any(row.error for row in rows)
    assert len(site.catalog().usable("algorithm")) == 3


def test_one_of_two_that_share_a_name_is_chosen_by_its_distribution(site):
    site.add("algorithms", "dqn", "acme-plugins")
    other = site.add("algorithms", "dqn", "zenith")
    catalog = site.catalog()
    assert catalog.has("algorithm", "Acme_Plugins:dqn") and not catalog.has("algorithm", "nobody:dqn")
    assert catalog.algorithm("Acme_Plugins:dqn").name == "dqn" and not site.imported(other)
    assert catalog.owner("algorithm", "zenith:dqn") == "The algorithm 'zenith:dqn' of zenith 1.2"
    assert "choose one by writing acme-plugins:dqn or zenith:dqn" in refusal(catalog)
    assert refusal(catalog, "nobody:dqn").startswith("There is no algorithm 'nobody:dqn' installed.")


def test_only_usable_plugins_count_as_usable(site):
    site.add("algorithms", "broken", "acme", code="import nothing_of_that_name")
    site.add("algorithms", "dqn", "soulsai-dqn")
    assert [plugin.name for plugin in site.catalog().usable("algorithm")] == ["dqn"]


def test_a_plugin_installed_during_the_process_is_found_and_no_cache_is_written(site, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    installed = Catalog()
    with pytest.raises(PluginError):
        installed.connector("freshly_installed")
    site.add("connectors", "freshly_installed", "acme")
    assert installed.connector("freshly_installed").name == "freshly_installed"
    assert not (tmp_path / "cache").exists()
