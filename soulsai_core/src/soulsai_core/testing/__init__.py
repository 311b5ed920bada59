"""Contract tests for the authors of plugins. There is a module for each kind of plugin, such as `algorithm`.

`trials` has their essentials without pytest, for `soulsai doctor --plugin`.
"""

# pytest shows the values in a failed assertion for modules that it rewrites: by default those of the tests alone.
_WITH_ASSERTIONS = (
    "actor",
    "algorithm",
    "arrays",
    "connector",
    "environment",
    "learner",
    "network",
    "plugin",
    "rollout",
    "wrapper",
)
try:
    import pytest
except ImportError:
    pass
else:
    pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _WITH_ASSERTIONS))
