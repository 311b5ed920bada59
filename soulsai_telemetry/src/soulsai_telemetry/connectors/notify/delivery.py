"""Sends messages from a thread of its own: retried until they arrive, limited in number, and without secrets."""

from __future__ import annotations

import logging
import random
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPException
from typing import Any, NamedTuple

from soulsai_core.app import formatting
from soulsai_telemetry.connectors.notify.messages import Message
from soulsai_telemetry.connectors.notify.services import Post

log = logging.getLogger(__name__)

_TIMEOUT = 10.0
"""Seconds for one request."""

_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 300.0
"""Seconds between attempts."""

_WAITING = 30
"""Messages that wait at most. Of more the oldest are dropped, since the newest say how the training is now."""

_HOUR = 3600.0
_RETRIED = frozenset({408, 425, 429})
"""Answers below 500 after which a later attempt may succeed."""


class Refused(Exception):
    """The service answered that it does not take this message."""


class Failed(Exception):
    """The message did not arrive, and may at a later attempt, in `after` seconds at the earliest."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        super().__init__(reason)
        self.after = after


class _Item(NamedTuple):
    message: Message
    picture: bytes | None


class Delivery:
    """Delivers messages in their order.

    Args:
        make: (message, picture) -> the request.
        max_per_hour: further messages are counted, and the next one that is sent says how many. The end is always sent.
        send: sends one request. Raises Refused or Failed.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        make: Callable[[Message, bytes | None], Post],
        max_per_hour: int,
        *,
        send: Callable[[Post], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        self._make = make
        self._max_per_hour = max_per_hour
        self._send = send or send_post
        self._clock = clock
        self._rng = rng or random.Random()
        self._accepted: deque[float] = deque(maxlen=max_per_hour)
        self._left_out = 0
        self._waiting: deque[_Item] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="notify", daemon=True)
        self._thread.start()

    def put(self, message: Message, picture: bytes | None = None) -> None:
        """Send a message. Returns at once."""
        now = self._clock()
        full = len(self._accepted) == self._max_per_hour and now - self._accepted[0] < _HOUR
        with self._changed:
            if (full and not message.ends) or self._closing:
                self._left_out += 1
                return
            self._accepted.append(now)
            if self._left_out:
                note = f"(Left out by the limit per hour: {formatting.counted(self._left_out, 'message')}.)"
                message = replace(message, text=f"{message.text}\n{note}")
                self._left_out = 0
            self._waiting.append(_Item(message, picture))
            if len(self._waiting) > _WAITING:
                self._waiting.popleft()
                self._left_out += 1
            self._changed.notify()

    def close(self, timeout: float = 4.0) -> None:
        """Try once more what waits, for `timeout` seconds at most, and end."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout)
        if self._waiting:
            log.warning("%s could not be delivered.", formatting.counted(len(self._waiting), "message").capitalize())

    def _work(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            item = self._next()
            if item is None:
                return
            try:
                self._deliver(item)
            except Failed as failure:
                if self._closing:
                    return
                if pause == _FIRST_PAUSE:
                    log.warning("A message could not be sent: %s. Trying again until it can.", failure)
                self._pause(max(pause * (1 - 0.5 * self._rng.random()), failure.after))
                pause = min(2 * pause, _LONGEST_PAUSE)
                continue
            if pause > _FIRST_PAUSE:
                log.info("Messages are sent again.")
            pause = _FIRST_PAUSE
            with self._changed:
                # It may be gone from the front, if too many came meanwhile.
                if self._waiting and self._waiting[0] is item:
                    self._waiting.popleft()

    def _next(self) -> _Item | None:
        """The oldest message, once there is one; None when there is none left at the end. It stays in the queue."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            return self._waiting[0] if self._waiting else None

    def _deliver(self, item: _Item) -> None:
        try:
            self._send(self._make(*item))
        except Refused as refusal:
            # Some servers take no files.
            if item.picture is not None:
                self._deliver(_Item(item.message, None))
            else:
                log.error(
                    "The message %r was refused: %s. Check the address and the token.", item.message.title, refusal
                )

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, seconds)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Redirects are not followed: the token would go to another server."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def send_post(request: Post) -> None:
    """Send one request. What it raises shows no address: it may contain a password."""
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        prepared = urllib.request.Request(request.url, request.body, request.headers, method=request.method)
        with opener.open(prepared, timeout=_TIMEOUT) as answer:
            answer.read(2**16)
    except urllib.error.HTTPError as error:
        error.close()
        reason = f"the service answered {error.code} {error.reason}"
        if error.code < 500 and error.code not in _RETRIED:
            raise Refused(reason) from None
        raise Failed(reason, _retry_after(error)) from None
    except urllib.error.URLError as error:
        raise Failed(f"the service cannot be reached ({error.reason})") from None
    except (OSError, HTTPException, ValueError) as error:
        # Not its text, in which some of them quote the address.
        raise Failed(f"the service cannot be reached ({type(error).__name__})") from None


def _retry_after(error: urllib.error.HTTPError) -> float:
    """Seconds that the service asks us to wait."""
    try:
        return min(max(float(error.headers.get("Retry-After", "0")), 0.0), _HOUR)
    except (ValueError, OverflowError):
        return 0.0
