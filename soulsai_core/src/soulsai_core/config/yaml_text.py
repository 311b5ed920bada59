"""YAML without its surprises: 1e-3 is a number, a date is text, and a key that occurs twice is an error."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from soulsai_core.config.text_file import read_text
from soulsai_core.errors import ConfigError

_TEXT = "tag:yaml.org,2002:str"
_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_FLOAT = "tag:yaml.org,2002:float"
_EXPONENT = re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$")


class _Loader(yaml.SafeLoader):
    """Safe YAML without timestamps, whose mappings have unique keys of text."""

    yaml_implicit_resolvers = {
        first: [rule for rule in rules if rule[0] != _TIMESTAMP]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if key.tag not in (_TEXT, _MERGE):
                raise yaml.composer.ComposerError(None, None, "a key must be text (put it in quotes)", key.start_mark)
            if key.value in seen:
                raise yaml.composer.ComposerError(None, None, f"{key.value!r} occurs twice here", key.start_mark)
            seen.add(key.value)
        return node


class _Dumper(yaml.SafeDumper):
    """Writes a value that occurs twice in full both times, since `&id001` is hard to read."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


# YAML 1.1 wants a dot in a float: without this, 1e-3 would be text. The dumper must know it too, to quote such text.
for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(_FLOAT, _EXPONENT, list("-+0123456789"))


def load_written(text: str) -> Any:
    """The value of valid YAML text with all scalars as they are written there."""
    return yaml.load(text, Loader=yaml.BaseLoader)


def load(text: str, origin: str) -> Any:
    """The value of YAML text. Raises ConfigError with the origin, line and column of an error."""
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{origin}{position}: this is not valid YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: this is not valid YAML: {str(error).splitlines()[0]}.") from None
    except RecursionError:
        raise ConfigError(f"{origin}: lists and groups lie too deep within each other.") from None


def read_yaml(file: Path) -> Any:
    """The value of a YAML file that a person wrote. Raises ConfigError with a sentence if it cannot be read."""
    try:
        return load(read_text(file), str(file))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from None


def dump(value: Any) -> str:
    """Block YAML that `load` reads back as the same value."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def dump_inline(value: Any) -> str:
    """YAML on one line that `load` reads back as the same value."""
    # In a list, since the dumper ends a single value with a line `...`.
    listed = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, allow_unicode=True, width=10**9)
    return listed.strip()[1:-1]
