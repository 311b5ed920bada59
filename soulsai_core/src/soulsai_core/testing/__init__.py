"""Contract tests for the authors of plugins. There is a module for each kind of plugin, such as `algorithm`."""

import pytest

# pytest shows the values in a failed assertion for modules that it rewrites: by default those of the tests alone.
_WITH_ASSERTIONS = ("actor", "algorithm", "arrays", "connector", "environment", "learner", "plugin", "rollout")
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _WITH_ASSERTIONS))
