"""The password of Redis. It is read when it is needed, and kept out of the configuration, logs and saved files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from soulsai_core.config.text_file import read_text
from soulsai_core.errors import ConfigError

VARIABLE = "SOULSAI_REDIS_PASSWORD"


def read_secret(file: str | Path, environ: Mapping[str, str] = os.environ) -> str | None:
    """The password from the variable SOULSAI_REDIS_PASSWORD, otherwise from the file; None if there is neither.

    Raises ConfigError if the file exists and is not one line `requirepass PASSWORD`. The error never shows its content.
    """
    # A value that was copied from a file may have the end of its line.
    given = environ.get(VARIABLE, "").rstrip("\r\n")
    if given:
        return given
    try:
        text = read_text(Path(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"The secret file {file} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise ConfigError(f"The secret file {file} cannot be read: {error}.") from None
    return _parse(text, f"The secret file {file} must hold the one line `requirepass PASSWORD`")


def _parse(text: str, rule: str) -> str:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    if len(lines) != 1:
        raise ConfigError(f"{rule}, but it has {len(lines)} lines besides comments.")
    number, line = lines[0]
    word, *rest = line.split(maxsplit=1)
    if word.lower() != "requirepass":
        raise ConfigError(f"{rule}, but line {number} does not start with `requirepass`.")
    password = _unquoted(rest[0] if rest else "")
    if password is None:
        raise ConfigError(f"{rule}, but in line {number} the password is missing, or not quoted as one word.")
    return password


def _unquoted(text: str) -> str | None:
    """The password as Redis reads it: plain, 'quoted' or \"quoted\"; None if it is not one word."""
    quote = text[:1]
    if quote not in ("'", '"'):
        return text if len(text.split()) == 1 else None
    inner = text[1:-1].replace(f"\\{quote}", quote)
    if len(text) < 3 or not text.endswith(quote):
        return None
    return inner.replace("\\\\", "\\") if quote == '"' else inner
