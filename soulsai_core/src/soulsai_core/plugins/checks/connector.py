"""Checks what a connector does with its events."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from soulsai_core.errors import SoulsAIError
from soulsai_core.hooks.hookspecs import PROJECT
from soulsai_core.plugins.checks.checker import Checker, described

_MARK = f"{PROJECT}_impl"


class CheckedConnector:
    """A connector's hooks and its `close`, whose exceptions become errors with a sentence.

    Attributes:
        owner: name of the plugin, such as "The connector 'mine' of mine 1.2".
    """

    def __init__(self, connector: object, checker: Checker) -> None:
        self.owner = checker.owner
        self._checker = checker
        for name in hooks_of(connector):
            hook = getattr(connector, name)
            options = getattr(hook, _MARK)
            # A wrapper of hooks is a generator, which is refused when it is registered.
            wrapper = options["wrapper"] or options["hookwrapper"]
            setattr(self, name, hook if wrapper else self._checked(name, hook))
        close = getattr(connector, "close", None)
        if callable(close):
            self.close = self._checked("close", close)

    def _checked(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        # With the signature of the method: a hook gets only the arguments that it names.
        @wraps(method)
        def call(*args: Any) -> Any:
            try:
                return self._checker.call(name, method, *args)
            except SoulsAIError:
                raise
            except BaseException as error:  # even SystemExit: it would end the connector's thread
                raise self._checker.raised(name, error) from error

        return call


def hooks_of(connector: object) -> list[str]:
    """Names of the methods that are marked as hooks."""
    # Looked up in the class: properties of the object would be computed by a `getattr` on it.
    if isinstance(connector, type):
        return []
    return [name for name in dir(type(connector)) if hasattr(getattr(type(connector), name, None), _MARK)]


def expect_hooks(connector: object, checker: Checker) -> None:
    """Raise PluginError unless the object has at least one hook."""
    if not hooks_of(connector):
        is_object = connector is not None and not isinstance(connector, type)
        methods = [name for name in dir(connector) if not name.startswith("_")] if is_object else []
        came = f"{described(connector)} with the methods {', '.join(methods)}" if methods else described(connector)
        raise checker.broken("make", came, "an object with a method that is marked @soulsai_core.hookimpl")
