"""`python -m compose.check` starts the stack, trains with it, makes parts fail, checks it, and removes it again."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from compose.check import steps, watching
from compose.check.engine import Failure, Stack, run
from compose.check.workplace import environment, prepare

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run all checks and print a line with the time of each. Returns 1 if one failed."""
    parser = argparse.ArgumentParser(description="Run the stack on this machine's Docker engine and check it.")
    parser.add_argument("--no-build", action="store_true", help="take the images as they are")
    args = parser.parse_args()
    environ = environment("check")
    folder = Path(tempfile.mkdtemp(prefix="soulsai-check-"))
    try:
        if not args.no_build:
            _timed("images are built", lambda: _build(environ))
        begun = time.monotonic()
        _timed("secrets are made", lambda: prepare(ROOT, folder, environ))
        stack = Stack(folder, environ, ["clients", "monitoring", "proxy"], _stand_ins(folder, environ))
        code = _check(stack)
        print(f"{'The stack holds' if code == 0 else 'The stack does not hold'}; {time.monotonic() - begun:.0f} s")
        return code
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _build(environ: dict[str, str]) -> str:
    Stack(ROOT, environ, ["clients", "proxy"])("build", "--quiet", "training_node", "client_node", "pebble")
    return ""


def _stand_ins(folder: Path, environ: dict[str, str]) -> list[str]:
    """A compose file that replaces Grafana where its image cannot be fetched."""
    image = environ.get("SOULSAI_GRAFANA_IMAGE", "grafana/grafana:11.6.0")
    probe = ["docker", "run", "--rm", "--entrypoint", "sh", image, "-c", "command -v grafana || echo none"]
    if run(probe, folder=folder, environ=environ).strip() != "none":
        return []
    print(f"   The image {image} holds no Grafana: a stand-in answers in its place.")
    return ["compose/check/grafana.yaml"]


def _check(stack: Stack) -> int:
    try:
        _timed("it starts, healthy and not as root", lambda: steps.starts(stack))
        first = watching.until("the first episodes end", watching.mean_return, 180)
        for sentence, check in _checks(first):
            _timed(sentence, lambda check=check: check(stack))  # type: ignore[misc]
        return 0
    except Failure as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        stack.print_state()
        return 1
    finally:
        _timed("it is taken down", stack.down)


def _checks(first: float) -> list[tuple[str, Callable[[Stack], str]]]:
    return [
        ("Prometheus reaches the nodes", steps.is_scraped),
        ("clients reach Redis alone", steps.is_closed),
        ("a certificate is issued and renewed", steps.is_certified),
        ("the proxy shows page, Grafana and Redis", steps.is_proxied),
        ("Redis is killed, and training goes on", steps.survives("redis")),
        ("the training node is killed, and training goes on", steps.survives("training_node")),
        ("the telemetry node is killed, and training goes on", steps.survives("telemetry_node")),
        ("a contributor is invited, joins, and is revoked", steps.invites),
        ("attackers are held off, and training goes on", steps.withstands),
        ("clients scale", steps.scales),
        ("every panel has data", steps.shows),
        ("alerts fire and clear", steps.alarms),
        ("the agent gets better", steps.learns(first)),
        ("no secret is told", steps.keeps_secrets),
    ]


def _timed(sentence: str, act: Callable[[], str | None]) -> None:
    begun = time.monotonic()
    seen = act()
    print(f"{time.monotonic() - begun:5.1f} s  {sentence}{f': {seen}' if seen else ''}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
