"""The Kubernetes resources follow the published schemas. They are not run."""

from __future__ import annotations

import json
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml


@pytest.fixture(scope="module")
def resources(root):
    files = sorted((root / "compose/kubernetes").glob("*.yaml"))
    return [part for file in files for part in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def test_each_resource_follows_its_schema(resources):
    assert len(resources) > 10
    for resource in resources:
        kubernetes_validate.validate(resource, "1.29", strict=True)


def test_kustomization_names_every_file_and_only_those(root):
    kustomization = yaml.safe_load((root / "compose/kustomization.yaml").read_text(encoding="utf-8"))
    named = [
        *kustomization["resources"],
        *(name for made in kustomization["configMapGenerator"] for name in made["files"]),
    ]
    assert all((root / "compose" / name).is_file() for name in named)
    assert {f"kubernetes/{path.name}" for path in (root / "compose/kubernetes").glob("*.yaml")} <= set(named)


def test_kustomize_builds_valid_resources(root):
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    built = subprocess.run(["kubectl", "kustomize", "compose"], cwd=root, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    for resource in yaml.safe_load_all(built.stdout):
        kubernetes_validate.validate(resource, "1.29", strict=True)


def test_no_pod_runs_as_root_or_can_become_root(resources):
    pods = [resource["spec"]["template"]["spec"] for resource in resources if resource["kind"] == "Deployment"]
    assert len(pods) == 4
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"] + pod.get("initContainers", []):
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


def test_no_secret_is_among_the_resources(resources):
    assert "Secret" not in {resource["kind"] for resource in resources}
    assert "ca.key" not in json.dumps(resources)
