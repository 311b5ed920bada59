import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from soulsai_core.cli import main
from soulsai_core.errors import PluginError
from soulsai_core.plugins.scaffold import KINDS, create, names_of
from soulsai_core.plugins.scaffold.package import compatible

ROOT = Path(__file__).parents[4]
NAMES = names_of("cave-42")


def test_versions_that_a_plugin_asks_for_break_no_contract():
    assert compatible("0.1.0") == ">=0.1,<0.2"
    assert compatible("0.12.3rc1") == ">=0.12,<0.13"
    assert compatible("2.3.0.dev0") == ">=2.3,<3"


@pytest.mark.parametrize("kind", KINDS)
def test_project_has_an_entry_point_a_ranged_requirement_and_what_its_files_name(tmp_path, kind):
    folder = create(kind, NAMES, tmp_path, "0.3.1")
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert folder == tmp_path / "cave-42"
    assert project["name"] == "cave-42"
    assert project["entry-points"] == {KINDS[kind].group: {"cave_42": "cave_42:plugin"}}
    assert "soulsai-core>=0.3,<0.4" in project["dependencies"]
    assert "soulsai-core[testing]>=0.3,<0.4" in project["optional-dependencies"]["test"]
    assert {".gitignore", "README.md", "config.yaml"} <= {path.name for path in folder.iterdir()}
    assert (folder / ".github" / "workflows" / "test.yml").is_file()
    assert (ROOT / "docs" / "plugins" / KINDS[kind].page).is_file()
    for module in KINDS[kind].modules:
        assert (folder / "src" / "cave_42" / f"{module}.py").is_file()


def test_no_name_of_a_template_is_left(tmp_path):
    for kind in KINDS:
        for path in create(kind, NAMES, tmp_path / kind).rglob("*"):
            assert path.suffix != ".template" and path.name != "package"
            if path.is_file():
                assert not re.findall(r"\$\{?(?!schema)[a-z]\w*", path.read_text()), path


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "cave-42").mkdir()
    (tmp_path / "cave-42" / "mine.txt").write_text("mine")
    with pytest.raises(PluginError, match="exists already, and nothing is overwritten"):
        create("network", NAMES, tmp_path)
    assert [path.name for path in (tmp_path / "cave-42").iterdir()] == ["mine.txt"]


def test_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PluginError, match=r"The folder .*cave-42 cannot be made: Not a directory"):
        create("network", NAMES, tmp_path / "file")


def test_package_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def fill_the_disk(path, *args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_the_disk)
    with pytest.raises(PluginError, match=r"cannot be written into .*: No space left on device"):
        create("network", NAMES, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_python_of_the_templates_passes_the_rules_of_this_repository(tmp_path):
    for kind in KINDS:
        create(kind, names_of(f"new-{kind}"), tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    # The packages' own settings sort imports and know where their own modules lie; the rules are those of our sources.
    options = ["--no-cache", "--isolated", "--line-length=120", "--target-version=py311"]
    rules = ["--select", "E,F,W,I,UP,B,C4,SIM,RET,PTH,N,RUF", "--ignore", "RUF012"]
    sources = [f"src = [{', '.join(repr(str(path / 'src')) for path in sorted(tmp_path.iterdir()))}]"]
    checked = subprocess.run(
        [*ruff, "check", *options, *rules, "--config", *sources, tmp_path], capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    formatted = subprocess.run([*ruff, "format", "--check", *options, tmp_path], capture_output=True, text=True)
    assert formatted.returncode == 0, formatted.stdout + formatted.stderr


def test_command_says_what_comes_next(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "environment", "Cave-42"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The environment cave_42 is in cave-42. Next, in that folder:")
    assert [line.strip() for line in out.splitlines()[2:]] == ['pip install -e ".[test]"', "pytest", "soulsai train"]


def test_command_refuses_the_name_of_an_installed_plugin(tmp_path, capsys):
    assert main(["new", "wrapper", "grayscale", "--folder", str(tmp_path)]) == 2
    assert "There is a wrapper 'grayscale' installed already" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
