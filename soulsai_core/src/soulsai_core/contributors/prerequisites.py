"""What `soulsai init` needs, looked at before it writes anything, and what may keep the server from starting later."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from soulsai_core.config import read_secret
from soulsai_core.contributors.certificates import expiry, is_pair, library
from soulsai_core.errors import ConfigError

SECRETS = ("redis.secret", "telemetry.secret")
"""Files with the passwords of the server's own users."""

_NAME = re.compile(r"[A-Za-z0-9_*]([A-Za-z0-9_.-]*[A-Za-z0-9_])?")
_FILES = (*SECRETS, ".gitignore", "grafana.secret", "page.secret", "client.join", "acl/users.acl")
_PAIRS = (("ca.crt", "ca.key"), ("redis.crt", "redis.key"))
_SOON = timedelta(days=30)
_PORTS = {"SOULSAI_REDIS_PORT": 6379, "SOULSAI_PAGE_PORT": 8081}
"""Ports that the stack opens on this machine, by the variable that changes them."""


def check_prerequisites(folder: Path, root: Path, hosts: Sequence[str]) -> None:
    """Look at all that `initialize` and `write_environment` need.

    Args:
        folder: for the secrets.
        root: the folder of the compose.yaml, if there is one.
        hosts: names for the certificate.

    Raises ConfigError with a sentence for each thing that is missing.
    """
    problems = [*_bad_hosts(hosts), *_missing_packages()]
    files = [folder / name for name in _FILES] + [folder / "tls" / name for pair in _PAIRS for name in pair]
    if has_stack(root):
        files.append(root / ".env")
        problems += _bad_places([root / "saves" / "run"])
    problems += _bad_places(files)
    if not problems:  # the files can be read
        problems = [*_bad_pairs(folder / "tls"), *_bad_secrets(folder)]
    if problems:
        raise ConfigError(f"Nothing was written. {' '.join(problems)}")


def has_stack(root: Path) -> bool:
    """Whether this is the folder of a compose.yaml."""
    return (root / "compose.yaml").is_file()


def advice(folder: Path, root: Path, now: datetime, environ: Mapping[str, str]) -> Iterator[str]:
    """A sentence for each thing that may keep the server from starting, or players from reaching it."""
    for certificate, key in _PAIRS:
        end = expiry((folder / "tls" / certificate).read_bytes())
        if end - now < _SOON:
            others = " All invitations end with it." if certificate == "ca.crt" else ""
            yield (
                f"{folder / 'tls' / certificate} ends on {end:%d %B %Y}: remove it and {key}, and call this again."
                f"{others}"
            )
    if not has_stack(root):
        yield (
            f"There is no compose.yaml in {root.resolve()}: to start the server with `docker compose up`, call this in "
            "the folder of the checkout."
        )
        return
    settings = {**_settings(root / ".env"), **environ}
    user = settings.get("SOULSAI_UID")
    if user is None:
        yield f"{root / '.env'} has no SOULSAI_UID, so the containers run as user 1000: it must own {folder}."
    for variable, default in _PORTS.items():
        port = settings.get(variable) or str(default)
        if port.isdecimal() and _is_taken(int(port)):
            yield (
                f"Port {port} is in use on this machine. If it is not this stack that runs already, choose another one "
                f"with {variable} in {root / '.env'}."
            )


def _bad_hosts(hosts: Sequence[str]) -> Iterator[str]:
    for host in hosts:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if not _NAME.fullmatch(host):
                yield (
                    f"--host {host!r} is neither a name nor a numeric address: write it alone, as in play.example.org "
                    "or 203.0.113.7, without a port, a scheme or a path (letters beyond ASCII as xn--...)."
                )


def _missing_packages() -> Iterator[str]:
    try:
        library()
    except ConfigError as error:
        yield str(error)


def _bad_places(files: Sequence[Path]) -> Iterator[str]:
    """Paths of files at which there is something else, and folders that files cannot be written to."""
    told: set[Path] = set()
    for file in files:
        parent = next(folder for folder in file.parents if folder.exists() or folder.is_symlink())
        if file.is_dir():
            yield f"{file} is a folder and must be a file (Docker makes one when the file is missing): remove it."
        elif file.exists() and not os.access(file, os.R_OK):
            yield f"{file} cannot be read: call this as its owner."
        elif parent not in told and not parent.is_dir():
            told.add(parent)
            yield f"{parent} is no folder: move it away."
        elif not file.exists() and parent not in told and not os.access(parent, os.W_OK | os.X_OK):
            told.add(parent)
            yield f"{parent} cannot be written to: call this as the owner of the folder."


def _bad_pairs(folder: Path) -> Iterator[str]:
    for names in _PAIRS:
        certificate, key = (folder / name for name in names)
        if certificate.exists() != key.exists():
            yield f"Of {certificate} and {key} one is missing: bring it back, or remove the other one."
        elif certificate.exists() and not is_pair(certificate.read_bytes(), key.read_bytes()):
            yield f"{certificate} and {key} are no certificate and its key: bring back those that were there."


def _bad_secrets(folder: Path) -> Iterator[str]:
    for name in SECRETS:
        try:
            read_secret(folder / name, {})
        except ConfigError as error:
            yield str(error)


def _settings(file: Path) -> dict[str, str]:
    """The lines NAME=VALUE of a .env file."""
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _is_taken(port: int) -> bool:
    with closing(socket.socket()) as probe:
        if os.name != "nt":  # there it would allow to share the port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except PermissionError:
            return False  # a low port, which the engine may open
        except (OSError, OverflowError):
            return True
    return False
