"""The token of the page: where it comes from, and who has it."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from soulsai_core import ConfigError
from soulsai_telemetry.config import TOKEN_FORM, PageSettings, is_token
from soulsai_telemetry.http import json_response

HEADER = "X-Page-Token"
"""Header with the token. Not a cookie: a browser never adds it to the requests of another site. Not `Authorization`, in
which a proxy may want a password of its own."""

# Wrong tokens that are answered at once, and seconds until there is one more of them.
_WRONG = 10
_RECOVERY = 6.0


def read_token(settings: PageSettings) -> str | None:
    """The token of the settings or of its file; None if there is none. Raises ConfigError, which shows no token."""
    if settings.token is not None:
        return settings.token.get_secret_value()
    if settings.token_file is None:
        return None
    where = f"telemetry.config.page.token_file: {settings.token_file}"
    try:
        token = Path(settings.token_file).read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        raise ConfigError(f"{where} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise ConfigError(f"{where} is not UTF-8 text.") from None
    if not is_token(token):
        raise ConfigError(f"{where} must hold {TOKEN_FORM}.")
    return token


class TokenCheck:
    """Tells which requests may change something: those of this page itself, with the token in their header.

    Wrong tokens are bounded for all visitors together, since addresses behind a proxy are all the proxy's.

    Args:
        token: None: no request may.
        clock: monotonic seconds.
    """

    def __init__(self, token: str | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._digest = None if token is None else _digest(token)
        self._clock = clock
        self._left = float(_WRONG)
        self._counted = clock()

    @property
    def exists(self) -> bool:
        """Whether there is a token."""
        return self._digest is not None

    def refusal(self, request: Request) -> Response | None:
        """The answer to a request that may change nothing; None to one that may."""
        if self._digest is None:
            return _refused("The page is read-only: it has no token (telemetry.config.page.token_file).")
        # Browsers send this header over TLS and to this machine alone, and no script can set it: a page of another
        # site is refused, and so is one that was loaded over an open network, where the token would be seen.
        if request.headers.get("Sec-Fetch-Site") != "same-origin":
            return _refused(
                "Only the page itself may ask for this, opened over https, at localhost, or through a tunnel: "
                "ssh -L 8081:localhost:8081 HOST."
            )
        wait = self._wait()
        if wait > 0:
            return json_response(
                {"ok": False, "detail": f"There were too many wrong tokens: try again in {wait:.0f} s."},
                429,
                {"Retry-After": f"{wait:.0f}"},
            )
        given = request.headers.get(HEADER, "")
        # Digests have one length, so that the time of the comparison says nothing about the token's either.
        if not hmac.compare_digest(_digest(given), self._digest):
            self._left -= 1
            return _refused("This is not the page's token.")
        return None

    def _wait(self) -> float:
        """Seconds until another wrong token is answered."""
        now = self._clock()
        self._left = min(float(_WRONG), self._left + (now - self._counted) / _RECOVERY)
        self._counted = now
        return 0.0 if self._left >= 1 else max(1.0, (1 - self._left) * _RECOVERY)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _refused(sentence: str) -> Response:
    return json_response({"ok": False, "detail": sentence}, 403)
