"""The checks, in their order. Each raises Failure, or returns a short result to print."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compose.check import proxying, watching
from compose.check.engine import Failure, Stack, run
from compose.check.watching import env_steps, firing, query, until, value
from compose.check.workplace import PORTS

CORE = ("redis", "training_node", "telemetry_node")
CLIENTS = 3
BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def starts(stack: Stack) -> str:
    """All services start and become healthy, those of the core in order."""
    stack.up(CLIENTS, wait=True)
    until("all containers are healthy", lambda: all(stack.healthy(row["Service"]) for row in stack.containers()))
    users = {service: stack.inside(service, "id", "-u").strip() for service in CORE}
    if "0" in users.values():
        raise Failure(f"Some containers run as root: {users}")
    until(f"{CLIENTS} clients play", lambda: value("soulsai_clients") == CLIENTS)
    return f"{len(stack.containers())} containers"


def is_scraped(_: Stack) -> str:
    """Prometheus reads the metrics of both nodes."""
    until("all targets are up", lambda: set(watching.targets().values()) == {"up"})
    return ", ".join(watching.targets())


def is_closed(stack: Stack) -> str:
    """A client's container reaches Redis and no other service of the core."""
    row = next(row for row in stack.containers() if row["Service"] == "training_node")
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    places = run(["docker", "inspect", "--format", form, row["Name"]], folder=stack.folder, environ=stack.environ)
    probe = (
        "import socket, sys\n"
        "def reaches(place):\n"
        "    try: socket.create_connection(place, 2).close()\n"
        "    except OSError: return False\n"
        "    return True\n"
        "assert reaches(('redis', 6379))\n"
        "others = [('training_node', 8084), ('telemetry_node', 8081), *((place, 8084) for place in sys.argv[1:])]\n"
        "assert not any(map(reaches, others))\n"
    )
    stack.inside("client_node", "python", "-c", probe, *places.split())
    return "clients see Redis alone"


def survives(service: str) -> Callable[[Stack], str]:
    """After the service's processes were killed, the engine restarts it and the training continues."""

    def check(stack: Stack) -> str:
        before = stack.restarts(service)
        steps = until("steps are counted", env_steps)
        stack.kill(service)
        until(f"{service} is started again", lambda: stack.restarts(service) > before)
        until(f"{service} is healthy", lambda: stack.healthy(service))
        until("training goes on", lambda: env_steps() > steps + 500, 90)
        return f"from {steps:,.0f} to {env_steps():,.0f} steps"

    check.__doc__ = f"{service} is killed, started again, and training goes on."
    return check


def learns(first: float) -> Callable[[Stack], str]:
    """The mean return is much better than the first one."""

    def check(_: Stack) -> str:
        def better() -> float | None:
            found = watching.mean_return()
            return found if found is not None and found > first + 80 else None

        return f"mean return {first:.0f} -> {until('the return has risen by 80', better, 150):.0f}"

    check.__doc__ = "The agent gets better."
    return check


def invites(stack: Stack) -> str:
    """A contributor joins from outside with the line of an invitation, and is disconnected when revoked."""
    place = f"127.0.0.1:{PORTS['SOULSAI_REDIS_PORT']}"
    line = stack.inside("training_node", "soulsai", "invite", "anna", "--host", place).split()
    image = stack.environ.get("SOULSAI_CLIENT_IMAGE", "soulsai-client")
    name = f"{stack.environ['SOULSAI_PROJECT']}-anna"
    shown = '{client=~"anna@.*"}'

    def docker(*words: str, ok: Sequence[int] = (0,)) -> str:
        return run(["docker", *words], folder=stack.folder, environ=stack.environ, ok=ok)

    joining = ("run", "--rm", "--network", "host")
    docker(*joining, "--name", name, "--detach", image, "client", *line[1:])
    try:
        until("what she plays is learned from", lambda: value(f"soulsai_run_client_admitted_total{shown}") > 0)
        until("she is there", lambda: value("soulsai_clients") == CLIENTS + 1)
        if "anna" not in stack.inside("training_node", "soulsai", "contributors"):
            raise Failure("`soulsai contributors` does not name her.")
        stack.inside("training_node", "soulsai", "revoke", "anna")
        until("she is out", lambda: value("soulsai_clients") == CLIENTS)
    finally:
        docker("rm", "--force", name, ok=(0, 1))
    docker(*joining, image, "client", *line[1:], "--wait", "1", ok=(2,))  # refused, with the reason
    return "invited, played, revoked"


ATTACKS = ("replies", "commands", "reports", "rows", "fields", "crowd")
_ATTACK_SECONDS = 10.0


def withstands(stack: Stack) -> str:
    """While a contributor or strangers attack, over TLS, training goes on. The attackers take processor time of the
    same machine, so the rates say less than those of `python -m benchmarks.attacks`."""
    place = f"127.0.0.1:{PORTS['SOULSAI_REDIS_PORT']}"
    before = _rate(_ATTACK_SECONDS)
    shares = {}
    for name in ATTACKS:
        line = stack.inside("training_node", "soulsai", "invite", f"mallory-{name}", "--host", place).strip()
        with _attacking(stack, name, line):
            shares[name] = _rate(_ATTACK_SECONDS) / before
        stack.inside("training_node", "soulsai", "revoke", f"mallory-{name}")
        if shares[name] < 0.1:
            raise Failure(f"Training stands still during the attack {name}.")
    said = stack.inside("training_node", "soulsai", "contributors", "--json")
    suspended = [name for name, found in json.loads(said).items() if found["suspensions"]]
    shown = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    return f"of {before:.0f} steps/s are left: {shown}; suspended: {', '.join(suspended)}"


def _rate(seconds: float) -> float:
    began, first = time.monotonic(), until("steps are counted", env_steps)
    time.sleep(seconds)
    return (until("steps are counted", env_steps) - first) / (time.monotonic() - began)


@contextmanager
def _attacking(stack: Stack, name: str, line: str) -> Iterator[None]:
    """While the block runs, an attack of the benchmarks runs in a container of its own."""
    container = f"{stack.environ['SOULSAI_PROJECT']}-mallory"
    image = stack.environ.get("SOULSAI_SERVER_IMAGE", "soulsai-server")
    program = ("--entrypoint", "python", "--volume", f"{BENCHMARKS}:/check/benchmarks:ro", "--workdir", "/check", image)
    attack = ("-m", "benchmarks.attacks", "--attack", name, line)
    start = ["docker", "run", "--detach", "--rm", "--name", container, "--network", "host", *program, *attack]
    run(start, folder=stack.folder, environ=stack.environ)
    try:
        yield
    finally:
        run(["docker", "rm", "--force", container], folder=stack.folder, environ=stack.environ, ok=(0, 1))


def scales(stack: Stack) -> str:
    """Clients join and leave."""
    for count in (1, 4, 2):
        stack.up(count)
        until(f"{count} clients play", lambda count=count: value("soulsai_clients") == count)  # type: ignore[misc]
    return "1, 4, 2 clients"


def shows(stack: Stack) -> str:
    """Each panel of both dashboards has data, and Grafana has loaded both."""
    count = 0
    for file in sorted((stack.folder / "compose/monitoring/grafana/dashboards").glob("*.json")):
        for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                until(f"{file.stem}, {panel['title']}: {target} has data", lambda t=target: _answer(stack, t), 30)  # type: ignore[misc]
                count += 1
    return f"{count} queries"


def _answer(stack: Stack, target: dict[str, Any]) -> Any:
    if target["datasource"]["type"] == "prometheus":
        return query(target["expr"])
    body = json.dumps({"targets": [target], "maxDataPoints": 100})
    program = (
        "import sys, urllib.request as u\n"
        "kind = {'Content-Type': 'application/json'}\n"
        "request = u.Request('http://127.0.0.1:8082/query', sys.argv[1].encode(), kind)\n"
        "print(u.urlopen(request, timeout=5).read().decode())\n"
    )
    return json.loads(stack.inside("telemetry_node", "python", "-c", program, body))[0]["datapoints"]


def alarms(stack: Stack) -> str:
    """Alerts fire without clients and without a node, and clear afterwards."""
    stack.up(0)
    until("NoClient and NoSamples fire", lambda: {"NoClient", "NoSamples"} <= firing())
    stack.up(2)
    until("both clear", lambda: not {"NoClient", "NoSamples"} & firing())
    stack("stop", "telemetry_node")
    until("NodeDown fires", lambda: "NodeDown" in firing())
    stack("start", "telemetry_node")
    until("it clears", lambda: "NodeDown" not in firing())
    return "NoClient, NoSamples, NodeDown"


def is_certified(stack: Stack) -> str:
    """certbot gets a certificate from the authority; NGINX uses it, and later a renewed one."""
    context = proxying.trusting(until("the authority tells its root", proxying.root_certificate))
    first = until("its certificate is shown", lambda: proxying.serial(context), 90)
    folders = ("--config-dir", "/etc/letsencrypt", "--work-dir", "/tmp/certbot", "--logs-dir", "/tmp/certbot/logs")
    stack.inside("certbot", "certbot", "renew", "--force-renewal", "--no-random-sleep-on-renew", "--quiet", *folders)
    until("the renewed one is shown", lambda: proxying.serial(context) != first)
    return "issued, shown, renewed"


def is_proxied(_: Stack) -> str:
    """Page, Grafana and Redis answer with that certificate, and HTTP is redirected to HTTPS."""
    context = proxying.trusting(proxying.root_certificate())
    page = until("the page answers", lambda: "SoulsAI" in proxying.get("/", context)[1])
    state = json.loads(proxying.get("/api/state", context)[1])
    grafana = until("Grafana answers", lambda: proxying.get("/grafana/api/health", context)[0] == 200)
    if not (page and grafana and state["episodes"] > 0):
        raise Failure("The page shows no episodes.")
    if "NOAUTH" not in (said := proxying.redis_says(context)):
        raise Failure(f"Redis should ask for a password, but says {said!r}.")
    if proxying.redirect()[0] != 308:
        raise Failure("Plain HTTP is not led to HTTPS.")
    return "page, Grafana, Redis"


def keeps_secrets(stack: Stack) -> str:
    """No password is in a log, in a container's variables, or in a file of the runs."""
    config = stack.folder / "compose/config"
    secrets = [file.read_text(encoding="utf-8").split()[-1] for file in config.glob("*.secret")]
    secrets.append((config / "client.join").read_text(encoding="utf-8").split()[3].rpartition(":")[2])
    names = [row["Name"] for row in stack.containers()]
    told = stack("logs", "--no-color") + run(["docker", "inspect", *names], folder=stack.folder, environ=stack.environ)
    # Not by `rglob`, which raises where a folder is replaced meanwhile: the training goes on, and saves checkpoints.
    files = (Path(folder) / name for folder, _, names in os.walk(stack.folder / "saves") for name in names)
    saved = [path for path in files if _holds(path, secrets)]
    if any(secret in told for secret in secrets) or saved:
        raise Failure(f"A password was found in a log, a container's description or {saved}.")
    return f"{len(secrets)} secrets looked for"


def _holds(path: Path, secrets: list[str]) -> bool:
    try:
        content = path.read_bytes()
    except FileNotFoundError:  # replaced meanwhile
        return False
    return any(secret.encode() in content for secret in secrets)
