"""The compose files have what docs/server.md promises. `make stack` runs them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml

from soulsai_core.transport.embedded import HOSTED_LIMITS

CORE = {"redis", "training_node", "telemetry_node"}


@pytest.fixture
def services(files):
    """name -> definition of each service that a server can run."""
    names = ("compose.yaml", "compose/monitoring.yaml", "compose/proxy.yaml")
    return {name: service for file in names for name, service in files[file]["services"].items()}


def test_each_file_follows_the_compose_specification(files, tmp_path):
    copies = [tmp_path / name.replace("/", "-") for name in files]
    for copy, content in zip(copies, files.values(), strict=True):
        copy.write_text(yaml.safe_dump(content), encoding="utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", *copies]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.fixture(scope="module")
def compose():
    """The command `docker compose`; it needs no engine here."""
    command = ["docker", "compose"]
    if shutil.which("docker") is None or subprocess.run([*command, "version"], capture_output=True).returncode != 0:
        pytest.skip("docker compose is not installed")
    return command


@pytest.mark.parametrize(
    "chosen",
    [
        ["compose.yaml"],
        ["compose.yaml", "compose/gpu.yaml"],
        ["compose/demo.yaml"],
        ["compose/monitoring.yaml"],
        ["compose/proxy.yaml"],
        ["compose.yaml", "compose/check/override.yaml", "compose/check/grafana.yaml"],
    ],
    ids=lambda chosen: "+".join(file.rpartition("/")[2] for file in chosen),
)
def test_docker_compose_accepts_the_files_together(root, compose, chosen):
    words = [word for file in chosen for word in ("--file", file)]
    words += [word for profile in ("clients", "monitoring", "proxy", "init") for word in ("--profile", profile)]
    environ = {**os.environ, "SOULSAI_PEBBLE_PORT": "15000"}
    checked = subprocess.run(
        [*compose, *words, "config", "--quiet"], cwd=root, capture_output=True, text=True, env=environ
    )
    assert checked.returncode == 0, checked.stderr


def test_without_profiles_only_the_core_runs(services):
    started = {name for name, service in services.items() if "profiles" not in service}
    assert started == CORE


def test_demo_shares_no_project_network_or_port_with_the_server(files, services):
    demo = files["compose/demo.yaml"]
    assert demo["name"] == "soulsai-demo" and demo["networks"] == {"demo": None}
    assert all(service["networks"] == ["demo"] for service in demo["services"].values())
    published = [port for service in demo["services"].values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:${SOULSAI_DEMO_PORT:-8091}:8081"]
    assert demo["services"]["redis"]["volumes"] == ["./config/acl:/acl:ro"]


def test_clients_share_only_the_network_of_redis_with_the_core(services):
    shared = {name: set(services["client_node"]["networks"]) & set(services[name]["networks"]) for name in CORE}
    assert {name for name, networks in shared.items() if networks} == {"redis"}


def test_services_of_the_core_share_a_network(services):
    assert all("train_server_net" in services[name]["networks"] for name in CORE)


def test_only_redis_and_the_proxy_are_published_beyond_this_machine(services):
    published = {name: service.get("ports", []) for name, service in services.items()}
    outside = {name for name, ports in published.items() for port in ports if "127.0.0.1" not in port}
    assert outside == {"redis", "nginx"}


def test_every_service_runs_without_privileges(services):
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"], name


def test_every_permanent_service_has_limits_and_is_restarted(services):
    for name, service in services.items():
        if name != "init":
            assert service["restart"] == "unless-stopped", name
            assert {"memory", "pids"} <= service["deploy"]["resources"]["limits"].keys(), name


def test_every_server_has_a_health_check(services):
    assert {name for name, service in services.items() if "healthcheck" not in service} == {
        "client_node",
        "certbot",
        "init",
    }


def test_services_of_the_core_start_in_order(services):
    assert services["training_node"]["depends_on"] == {"redis": {"condition": "service_healthy"}}
    assert services["telemetry_node"]["depends_on"] == {"training_node": {"condition": "service_healthy"}}


def test_no_service_gets_the_key_of_the_authority(files):
    assert not any("ca.key" in secret["file"] for file in files.values() for secret in file.get("secrets", {}).values())


def test_redis_has_no_port_without_tls_and_no_access_without_a_user(root):
    lines = (root / "compose/redis/redis.conf").read_text(encoding="utf-8").splitlines()
    assert {"port 0", "tls-port 6379", "aclfile /acl/users.acl", "maxmemory-policy noeviction"} <= set(lines)


def test_redis_has_the_bounds_with_which_the_attacks_are_tested(root):
    assert set(HOSTED_LIMITS) <= set((root / "compose/redis/redis.conf").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("name", ["config.yaml", "demo.yaml"])
def test_configuration_of_the_stack_is_valid(root, name):
    command = [sys.executable, "-m", "soulsai_core", "config", "check", "--config", f"compose/config/{name}"]
    checked = subprocess.run(command, cwd=root, capture_output=True, text=True)
    # Not the exit code: a port may be taken on this machine.
    assert re.search(r"ok +settings", checked.stdout) and re.search(r"ok +algorithm", checked.stdout), checked.stdout


def test_git_ignores_the_files_of_init(root):
    secrets = ["redis.secret", "telemetry.secret", "grafana.secret", "page.secret"]
    names = [*secrets, "client.join", "acl/users.acl", "tls/ca.key"]
    paths = [
        ".env",
        "saves/x",
        "compose/reverse_proxy/certbot/conf/live/x",
        *(f"compose/config/{name}" for name in names),
    ]
    checked = subprocess.run(["git", "check-ignore", *paths], cwd=root, capture_output=True, text=True)
    if "not a git repository" in checked.stderr:
        pytest.skip("not a clone")
    assert checked.stdout.split() == paths
