"""Contract tests for the authors of plugins. There is a module for each kind of plugin, such as `algorithm`."""

import pytest

_WITH_ASSERTIONS = ("actor", "algorithm", "arrays", "connector", "environment", "learner", "plugin", "rollout")
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _WITH_ASSERTIONS))
