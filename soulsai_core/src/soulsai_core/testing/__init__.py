"""Contracts that third parties run against their plugins: see the modules named after each kind of plugin."""

import pytest

_WITH_ASSERTIONS = ("actor", "algorithm", "arrays", "connector", "environment", "learner", "plugin", "rollout")
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _WITH_ASSERTIONS))
