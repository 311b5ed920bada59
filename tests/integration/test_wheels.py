"""What users install: the wheels, in an environment that knows nothing of these sources."""

import ast
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

DISTRIBUTIONS = ("soulsai_core", "soulsai_dqn")


def pip(*arguments):
    subprocess.run([sys.executable, "-m", "pip", "--quiet", *map(str, arguments)], check=True, timeout=240)


@pytest.fixture(scope="session")
def wheels(repository, tmp_path_factory):
    """Folder with a wheel of each distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    sources = [repository / name for name in DISTRIBUTIONS]
    pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, *sources)
    return folder


@pytest.fixture
def environment(tmp_path):
    """The scripts folder of a new virtual environment that has everything of others, linked, and nothing of ours."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=60)
    others = tmp_path / "others"
    others.mkdir()
    for site in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(site).iterdir():
            if entry.suffix != ".pth" and not re.match(r"_?_?(editable_*)?soulsai|linear_q|pip\b", entry.name):
                (others / entry.name).symlink_to(entry)
    [site] = (tmp_path / "venv").glob("lib/python*/site-packages")
    (site / "others.pth").write_text(f"{others}\n")
    return tmp_path / "venv" / "bin"


def run(program, *arguments, folder, code=0):
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SOULSAI_", "VIRTUAL"))
    }
    done = subprocess.run(
        [program, *arguments], cwd=folder, env=clean, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.stack
@pytest.mark.skipif(os.name == "nt", reason="the server program is for POSIX")
def test_installed_wheels_train_in_an_empty_folder(wheels, environment, tmp_path):
    """The core alone says what is missing; with DQN beside it, one command trains."""
    folder = tmp_path / "empty"
    folder.mkdir()
    install = ("--python", environment / "python", "install", "--no-deps", "--no-index")
    pip(*install, *wheels.glob("soulsai_core-*.whl"))
    assert "pip install soulsai-dqn" in run(environment / "soulsai", "train", folder=folder, code=2)
    pip(*install, *wheels.glob("soulsai_dqn-*.whl"))
    home = run(environment / "python", "-c", "import soulsai_core; print(soulsai_core.__file__)", folder=folder)
    assert home.startswith(str(environment.parent))
    listed = run(environment / "soulsai", "plugins", folder=folder)
    assert re.search(r"soulsai\.algorithms +dqn +soulsai-dqn +\S+ +yes", listed), listed
    assert re.search(r"soulsai\.environments +gymnasium +soulsai-core +\S+ +yes", listed), listed
    assert "--redis-address" in run(environment / "soulsai-client", "--help", folder=folder)
    told = run(environment / "soulsai", "train", "--set", "algorithm.name=ppo", folder=folder, code=2)
    assert "dqn (soulsai-dqn" in told and "pip install soulsai-ppo" in told
    settings = ["--set", "environment.config.id=CartPole-v1", "--set", "training.stop.env_steps=1500"]
    output = run(environment / "soulsai", "train", *settings, folder=folder)
    [checkpoint] = folder.glob("saves/*/checkpoint")
    assert f"The model lies in {checkpoint.relative_to(folder)}" in output


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_every_import_is_a_declared_dependency(name, repository):
    """One that comes along by chance, with a dependency's dependency, would be missing some day."""
    project = tomllib.loads((repository / name / "pyproject.toml").read_text())["project"]
    extras = [line for lines in project.get("optional-dependencies", {}).values() for line in lines]
    declared = {_normal(re.match(r"[\w.-]+", line)[0]) for line in (*project["dependencies"], *extras)}
    homes = {**packages_distributions(), "pydantic_core": ["pydantic"]}  # the two are made for each other
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
