"""The command line: fast help, errors as sentences, and the two commands about settings and plugins."""

import json
import subprocess
import sys
import types

import pytest
import yaml

from soulsai_core.cli import client_main, main, menu
from soulsai_core.errors import SoulsAIError
from soulsai_core.node.formatting import plain_lines

HEAVY = {"numpy", "torch", "redis", "pydantic", "gymnasium", "stevedore", "yaml", "rich", "msgspec", "pluggy"}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(catalog, monkeypatch):
    """The commands find the fakes in place of what is installed."""
    monkeypatch.setattr("soulsai_core.plugins.catalog.Catalog", lambda: catalog)


def run(capsys, *arguments):
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_help_of_no_command_imports_anything_heavy():
    words = [["--help"], ["config", "show", "--help"], *([command.name, "--help"] for command in menu.COMMANDS)]
    script = f"""
import sys
from soulsai_core.cli import main
for arguments in {words}:
    try:
        main(arguments)
    except SystemExit as done:
        print("DONE", *arguments, done.code, *({HEAVY} & set(sys.modules)))
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    done = [line.removeprefix("DONE ") for line in output.splitlines() if line.startswith("DONE ")]
    assert done == [f"{' '.join(arguments)} 0" for arguments in words]
    assert output.count("usage: soulsai") == len(words)


def test_help_lists_every_command(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    output = capsys.readouterr().out
    assert all(command.name in output for command in menu.COMMANDS)


def test_the_module_can_be_run_like_the_command():
    done = subprocess.run([sys.executable, "-m", "soulsai_core", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.split()[0]) == (0, "soulsai-core")


def test_without_a_command_the_help_is_shown_and_the_code_is_2(capsys):
    code, _, err = run(capsys)
    assert code == 2
    assert err.startswith("usage: soulsai")


def fake_command(monkeypatch, run):
    module = types.SimpleNamespace(add_arguments=lambda parser: parser.add_argument("--steps", type=int), run=run)
    monkeypatch.setitem(sys.modules, "soulsai_core.cli.client.client", module)


def test_a_command_gets_its_own_arguments_and_its_code_is_returned(monkeypatch):
    fake_command(monkeypatch, lambda args: args.steps)
    assert main(["client", "--steps", "3"]) == 3


def test_soulsai_client_is_the_client_command(monkeypatch):
    fake_command(monkeypatch, lambda args: args.steps)
    monkeypatch.setattr(sys, "argv", ["soulsai-client", "--steps", "4"])
    assert client_main() == 4


def test_an_error_of_ours_is_one_sentence_on_stderr_and_code_2(monkeypatch, capsys):
    def fail(args):
        raise SoulsAIError("The server is away.")

    fake_command(monkeypatch, fail)
    assert run(capsys, "client") == (2, "", "soulsai: The server is away.\n")


def test_an_unexpected_error_keeps_its_traceback(monkeypatch):
    def fail(args):
        raise ZeroDivisionError

    fake_command(monkeypatch, fail)
    with pytest.raises(ZeroDivisionError):
        main(["client"])


def test_an_interrupt_ends_quietly(monkeypatch, capsys):
    def interrupt(args):
        raise KeyboardInterrupt

    fake_command(monkeypatch, interrupt)
    assert run(capsys, "client") == (130, "", "")


@pytest.mark.parametrize("words", [["config", "default"], ["plugins"], ["--help"]], ids=" ".join)
def test_output_to_a_closed_pipe_is_no_error(words):
    script = f"import sys; from soulsai_core.cli import main; sys.exit(main({words!r}))"
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait() == 0


def test_command_that_rich_ends_for_a_closed_pipe_has_not_failed(capsys, monkeypatch):
    def print_table(_):
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            raise SystemExit(1)  # noqa: B904 - as rich does

    fake_command(monkeypatch, print_table)
    assert run(capsys, "client") == (0, "", "")


def test_the_default_file_is_printed_and_accepted_back(installed, here, capsys):
    code, out, _ = run(capsys, "config", "default")
    assert code == 0
    (here / "config_d.yaml").write_text(out)
    assert run(capsys, "config", "show")[0] == 0


def test_the_default_file_ignores_the_settings_in_effect(installed, here, capsys):
    (here / "config.yaml").write_text("run: {name: mine}")
    assert yaml.safe_load(run(capsys, "config", "default")[1])["run"]["name"] == "main"


def test_the_settings_in_effect_are_shown_without_secrets(installed, here, capsys):
    (here / "config.yaml").write_text("algorithm: {config: {api_key: hush, lr: 0.25}}")
    code, out, _ = run(capsys, "config", "show", "--set", "run.name=mine", "--seed", "3")
    shown = yaml.safe_load(out)
    assert (code, shown["run"]["name"], shown["run"]["seed"]) == (0, "mine", 3)
    assert shown["algorithm"]["config"]["lr"] == 0.25
    assert "hush" not in out


def test_the_schema_is_printed_as_json(installed, capsys):
    code, out, _ = run(capsys, "config", "schema")
    assert code == 0
    assert yaml.safe_load(out)["properties"]["algorithm"]["anyOf"]


def test_the_schema_is_written_to_a_file_and_the_line_that_names_it_is_said(installed, here, capsys):
    code, out, _ = run(capsys, "config", "schema", "-o", "mine.schema.json")
    assert code == 0
    assert json.loads((here / "mine.schema.json").read_text())["properties"]["algorithm"]
    assert out.splitlines()[-1] == "# yaml-language-server: $schema=mine.schema.json"


def test_a_schema_that_cannot_be_written_is_a_sentence(installed, here, capsys):
    code, _, err = run(capsys, "config", "schema", "-o", "away/mine.schema.json")
    assert (code, err) == (2, "soulsai: away/mine.schema.json cannot be written: No such file or directory.\n")


def test_a_plugin_is_shown_with_its_settings(installed, capsys):
    code, out, _ = run(capsys, "plugins", "show", "dqn")
    assert code == 0
    assert out.startswith("dqn: algorithm of soulsai-dqn 1.2, chosen with algorithm.name=dqn. Its settings, below")
    assert "\n\nloss: huber    # huber or mse\n    Loss of the error.\n\n" in out
    assert "\nnoise.scale: 0.5    # number" in out


def test_a_plugin_is_shown_as_json(installed, capsys):
    [shown] = json.loads(run(capsys, "plugins", "show", "dqn", "--json")[1])
    assert (shown["kind"], shown["distribution"], shown["version"]) == ("algorithm", "soulsai-dqn", "1.2")
    settings = {setting["name"]: setting for setting in shown["settings"]}
    assert settings["loss"]["type"] == "huber or mse" and settings["noise.scale"]["default"] == 0.5


def test_a_plugin_that_is_not_installed_gets_the_nearest_name(installed, capsys):
    assert run(capsys, "plugins", "show", "dqm") == (
        2, "", "soulsai: There is no plugin 'dqm' installed. Did you mean 'dqn'?\n",
    )  # fmt: skip


def test_a_plugin_that_cannot_be_used_is_shown_with_the_reason(installed, site, capsys):
    site.add("algorithms", "broken", "acme", code="import nothing_of_that_name")
    code, _, err = run(capsys, "plugins", "show", "broken")
    assert code == 2 and "nothing_of_that_name" in err


def test_plugins_are_listed_with_their_errors_in_a_pipe(installed, site, capsys):
    site.add("algorithms", "broken", "acme", code="import nothing_of_that_name")
    code, out, _ = run(capsys, "plugins")
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert code == 0
    assert lines["dqn"].split() == ["dqn", "algorithm", "soulsai-dqn", "1.2", "yes"]
    assert "nothing_of_that_name" in lines["broken"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_plugins_are_listed_whole_in_a_terminal_of_any_width(installed, site, capsys, monkeypatch, width):
    site.add("algorithms", "broken", "acme", code="import nothing_of_that_name")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = run(capsys, "plugins")[1]
    assert all(text in shown for text in ("dqn", "algorithm", "soulsai-dqn", "1.2", "yes", "nothing_of_that_name"))
    assert "…" not in shown


def test_without_plugins_the_list_says_what_to_install(site, capsys, monkeypatch):
    monkeypatch.setattr("soulsai_core.plugins.catalog.Catalog", lambda: site.catalog())
    assert "pip install soulsai-dqn" in run(capsys, "plugins")[1]


def test_columns_are_padded_to_the_widest_cell():
    assert plain_lines([("a", "bcd", "e"), ("fgh", "i", "")]) == ["a    bcd  e", "fgh  i"]
