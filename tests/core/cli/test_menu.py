"""Commands that other distributions add to `soulsai`."""

import subprocess
import sys
from importlib.metadata import distributions

import pytest

from soulsai_core.cli import app, main, menu

DANCE = """
HELP = "dance for 100% of the time"

def add_arguments(parser):
    parser.add_argument("--steps", type=int)

def run(args):
    return args.steps
"""


@pytest.fixture
def commands(site, monkeypatch):
    """The commands of the site are those of `soulsai`."""

    def installed():
        return [e for d in distributions(path=[str(site.folder)]) for e in d.entry_points.select(group=menu.GROUP)]

    monkeypatch.setattr(app, "menu", lambda chosen: menu.menu(chosen, installed))
    return site


def add(commands, name="dance", code=DANCE):
    return commands.add("commands", name, "soulsai-dance", code=code, target=f"site_soulsai_dance_{name}")


def test_a_command_of_another_distribution_is_run_with_its_arguments(commands):
    add(commands)
    assert main(["dance", "--steps", "3"]) == 3


@pytest.mark.parametrize(
    ("words", "program"), [(["status", "--nonsense"], "soulsai status"), (["--nonsense"], "soulsai")]
)
def test_an_unknown_option_is_an_error_with_the_usage_of_its_command(words, program, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(words)
    said = capsys.readouterr().err
    assert said.startswith(f"usage: {program} [-h]")
    assert f"{program}: error: unrecognized arguments: --nonsense. --help says what it takes." in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("trian", "soulsai: error: there is no command 'trian'. Did you mean train? --help lists all."),
        ("dance", "soulsai: error: there is no command 'dance'. --help lists all."),
        ("train --prest lunar-lander", "unrecognized arguments: --prest lunar-lander. Did you mean --preset? "),
        ("multrun", "Did you mean multirun?"),
    ],
)
def test_what_was_probably_meant_is_said(words, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(words.split())
    assert said in capsys.readouterr().err


def test_help_lists_the_commands_of_other_distributions(commands, capsys):
    add(commands)
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "dance for 100% of the time" in capsys.readouterr().out


def test_another_distribution_neither_replaces_nor_slows_a_command_of_the_core(commands, monkeypatch):
    module = add(commands, "status")
    with pytest.raises(SystemExit, match="0"):
        main(["status", "--help"])
    assert not commands.imported(module)


@pytest.mark.parametrize(
    ("code", "reason"), [("1 / 0", "ZeroDivisionError: division by zero"), ("HELP = 'x'", "must have HELP")]
)
def test_a_broken_command_is_an_error_with_its_distribution_and_does_not_affect_others(commands, capsys, code, reason):
    add(commands, "dance", code)
    add(commands, "sing", DANCE)
    assert main(["dance"]) == 2
    error = capsys.readouterr().err
    assert "'dance' of soulsai-dance 1.2" in error
    assert reason in error
    assert main(["sing", "--steps", "1"]) == 1


def test_help_imports_nothing_heavy_with_commands_of_other_distributions_installed():
    script = "import sys; from soulsai_core.cli.menu import menu; menu(None); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pydantic", "stevedore", "matplotlib", "torch", "rich"} & set(modules)
