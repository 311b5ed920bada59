"""What users install: the wheels, in an environment without these sources."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
from release.building import build, distributions, pip
from release.contents import missing
from release.fresh import make_linked, run

DISTRIBUTIONS = ("soulsai_core", "soulsai_dqn", "soulsai_ppo", "soulsai_sac", "soulsai_souls_env", "soulsai_telemetry")


@pytest.fixture(scope="session")
def built(repository, tmp_path_factory):
    """Folder with sdist and wheel of each distribution."""
    folder = tmp_path_factory.mktemp("dist")
    build(distributions(repository), folder)
    return folder


@pytest.fixture
def programs(tmp_path):
    """The programs of a new virtual environment with all dependencies except Box2D, and none of our distributions."""
    return make_linked(tmp_path, without="_?Box2D")


def test_six_distributions_are_built_with_types_license_and_readme(built, repository):
    sources = distributions(repository)
    assert len(sources) == 6
    changelog = (repository / "CHANGELOG.md").read_text(encoding="utf-8")
    assert [sentence for source in sources for sentence in missing(source, built, changelog)] == []


def test_missing_parts_of_a_distribution_are_reported(repository, tmp_path):
    """Otherwise the test before could not fail."""
    source = tmp_path / "soulsai_small"
    (source / "src/soulsai_small").mkdir(parents=True)
    (source / "src/soulsai_small/__init__.py").touch()
    build_system = (repository / "soulsai_sac/pyproject.toml").read_text(encoding="utf-8").partition("[project]")[0]
    project = '[project]\nname = "soulsai-small"\nversion = "0.7"\nrequires-python = ">=3.11"\n'
    (source / "pyproject.toml").write_text(build_system + project, encoding="utf-8")
    (source / "README.md").write_text("# Small\n", encoding="utf-8")
    build([source], tmp_path / "dist")
    said = "\n".join(missing(source, tmp_path / "dist", "## 0.1.0"))
    for part in ("section for 0.7", "LICENSE", "py.typed", "README.md as its description", "Homepage"):
        assert part in said, said


@pytest.mark.stack
@pytest.mark.skipif(os.name == "nt", reason="the server program is for POSIX")
def test_installed_wheels_train_in_an_empty_folder(built, programs, tmp_path):
    """The core alone says what is missing; with DQN installed too, one command trains."""
    folder = tmp_path / "empty"
    folder.mkdir()
    python = programs / "python"
    soulsai = programs / "soulsai"
    pip("install", "--no-deps", "--no-index", *built.glob("soulsai_core-*.whl"), python=python)
    assert "pip install soulsai-dqn" in run(soulsai, "train", folder=folder, code=2)
    pip("install", "--no-deps", "--no-index", *built.glob("soulsai_dqn-*.whl"), python=python)
    home = run(python, "-c", "import soulsai_core; print(soulsai_core.__file__)", folder=folder)
    assert home.startswith(str(programs.parent))
    listed = run(soulsai, "plugins", folder=folder)
    assert re.search(r"dqn +algorithm +soulsai-dqn +\S+ +yes", listed), listed
    assert re.search(r"gymnasium +environment +soulsai-core +\S+ +yes", listed), listed
    assert "--redis-address" in run(programs / "soulsai-client", "--help", folder=folder)
    assert "soulsai train" in run(soulsai, "new", "algorithm", "my-learner", "--folder", tmp_path, folder=folder)
    assert (tmp_path / "my-learner/.gitignore").is_file() and (
        tmp_path / "my-learner/src/my_learner/py.typed"
    ).is_file()
    refused = run(soulsai, "train", "--set", "algorithm.name=ppo", folder=folder, code=2)
    assert "dqn (soulsai-dqn" in refused and "pip install soulsai-ppo" in refused
    assert 'pip install "soulsai-core[box2d]"' in run(soulsai, "train", folder=folder, code=2)
    settings = ["--set", "environment.config.id=CartPole-v1", "--set", "training.stop.env_steps=1500"]
    output = run(soulsai, "train", *settings, folder=folder)
    [checkpoint] = folder.glob("saves/*/checkpoint")
    assert f"Model   {checkpoint.relative_to(folder)}" in output


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_import_is_a_declared_dependency(name, repository):
    """A package that is installed only because another dependency needs it may be missing some day."""
    project = tomllib.loads((repository / name / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project.get("optional-dependencies", {}).values() for line in lines]
    declared = {_normal(re.match(r"[\w.-]+", line)[0]) for line in (*project["dependencies"], *extras)}
    homes = {**packages_distributions(), "pydantic_core": ["pydantic"]}  # released together: pydantic pins it
    for file in (repository / name / "src").rglob("*.py"):
        for module in _imported(ast.parse(file.read_text())):
            if module not in sys.stdlib_module_names and module != name:
                assert {_normal(home) for home in homes.get(module, [module])} & declared, f"{file} imports {module}"


def _imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module.partition(".")[0]


def _normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()
