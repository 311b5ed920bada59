"""How commands find their server: by options, variables, an invitation, or a training on this machine."""

import argparse

import pytest

from soulsai_core.cli import main
from soulsai_core.cli.connection import add_connection_arguments, connection_of, join_from
from soulsai_core.errors import ConfigError
from soulsai_core.run_folder import RunFolder


@pytest.fixture
def options(tmp_path, monkeypatch):
    """A function: (words, reads_config) -> parsed options, with an empty working directory."""
    monkeypatch.chdir(tmp_path)

    def parse(*words, reads_config=False):
        parser = argparse.ArgumentParser()
        add_connection_arguments(parser, reads_config=reads_config)
        return parser.parse_args(words)

    return parse


def test_options_override_variables_which_override_the_defaults(options, monkeypatch):
    settings, run, given = connection_of(options("--redis-address", "there"))
    assert (settings.address, settings.secret_file, settings.ca_file, run, given) == (
        "there", "redis.secret", None, "main", True,
    )  # fmt: skip
    for name, value in {
        "REDIS__ADDRESS": "rediss://server@here",
        "REDIS__CA_FILE": "ca.crt",
        "RUN__NAME": "r2",
    }.items():
        monkeypatch.setenv(f"SOULSAI_{name}", value)
    settings, run, _ = connection_of(options("--secret-file", "other.secret"))
    assert (settings.address, settings.secret_file, settings.ca_file, run) == (
        "rediss://server@here", "other.secret", "ca.crt", "r2",
    )  # fmt: skip


def test_commands_that_read_the_configuration_use_all_its_layers(options, tmp_path):
    (tmp_path / "config.yaml").write_text("{redis: {address: 'rediss://server@here'}, run: {name: r2}}")
    (tmp_path / "other.yaml").write_text("redis: {address: there, secret_file: other.secret}")

    def asked(*words):
        settings, run, _ = connection_of(options(*words, reads_config=True))
        return settings.address, settings.secret_file, run

    assert asked() == ("rediss://server@here", "redis.secret", "r2")
    assert asked("--config", "other.yaml") == ("there", "other.secret", "main")
    assert asked("--config", "other.yaml", "--set", "redis.address=set", "--set", "run.name=r3") == (
        "set", "other.secret", "r3",
    )  # fmt: skip
    assert asked("--redis-address", "given", "--set", "redis.address=set")[0] == "given"
    with pytest.raises(ConfigError, match="No training runs on this machine"):
        connection_of(options())


def test_a_running_training_is_searched_in_the_configured_folder(options, tmp_path):
    (tmp_path / "kept" / "t").mkdir(parents=True)
    (tmp_path / "kept" / "t" / "address").write_text("unix:///run/socket\n")
    (tmp_path / "config.yaml").write_text("run: {saves: kept}")
    with RunFolder(tmp_path / "kept" / "t").held(1.8e9):
        assert connection_of(options(reads_config=True))[0].address == "unix:///run/socket"
    with pytest.raises(ConfigError, match="under elsewhere"):
        connection_of(options("--saves", "elsewhere", reads_config=True))


@pytest.mark.parametrize("command", ["status", "quicksave", "shutdown", "contributors", "revoke bob", "invite bob"])
def test_commands_for_hosts_read_the_configuration_of_the_working_directory(command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("redis: {address: '127.0.0.1:1'}")
    assert main(command.split()) == 2
    assert "No Redis server answers at 127.0.0.1:1" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("redis: {adress: '127.0.0.1:1'}")
    assert main(command.split()) == 2
    assert (
        "redis.adress: there is no such setting (config.yaml). Did you mean redis.address?" in capsys.readouterr().err
    )
    assert main([*command.split(), "--config", "gone.yaml"]) == 2
    assert "There is no configuration file gone.yaml" in capsys.readouterr().err


def test_without_an_address_the_training_on_this_machine_is_used(options, tmp_path):
    (tmp_path / "saves" / "t").mkdir(parents=True)
    (tmp_path / "saves" / "t" / "address").write_text("unix:///run/socket\n")
    with RunFolder(tmp_path / "saves" / "t").held(1.8e9):
        settings, _, given = connection_of(options())
    assert (settings.address, given) == ("unix:///run/socket", False)
    with pytest.raises(ConfigError, match="No training runs on this machine"):
        connection_of(options())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["play"], "takes options alone, or `join` and an invitation"),
        (["join"], "takes options alone, or `join` and an invitation"),
        (["join", "rediss://h"], "An invitation has two or three words, but this one has 1"),
        (["join", "rediss://h main:bob:hush ca.x.y"], "The invitation is damaged"),
        (["soulsai-client join rediss://h main:bob:hush ca.x.y"], "The invitation is damaged"),
        (["rediss://h", "main:bob:hush", "ca.x.y"], "The invitation is damaged"),
        (["join", "nowhere"], "The invitation in nowhere cannot be read"),
        (["join", "rediss://h", "main:bob:hush", "ca.x.y"], "The invitation is damaged"),
        (["join", "redis://8.8.8.8", "main:bob:hush"], "8.8.8.8:6379 is a public address, and TLS is missing"),
    ],
)
def test_a_wrong_invitation_is_an_error_without_its_password(words, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=said) as caught:
        join_from(argparse.Namespace(invitation=words))
    assert "hush" not in str(caught.value)


def test_client_alone_is_told_how_to_join(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for command, told in (("client", True), ("status", False)):
        assert main([command]) == 2
        assert ("With an invitation, enter the whole line" in capsys.readouterr().err) == told


def test_init_never_replaces_what_it_has_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yaml").touch()
    assert main(["init", "--host", "play.example.org"]) == 0
    assert "redis.secret was written" in capsys.readouterr().out
    password = (tmp_path / "compose" / "config" / "redis.secret").read_text()
    assert main(["init", "--host", "play.example.org"]) == 0
    said = capsys.readouterr().out
    assert "was written" not in said and password.split()[1] not in said
    assert (tmp_path / "compose" / "config" / "redis.secret").read_text() == password
    assert "SOULSAI_PUBLIC_HOST=play.example.org" in (tmp_path / ".env").read_text()


def test_a_missing_certificate_file_is_an_error_that_names_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["status", "--redis-address", "rediss://127.0.0.1:1", "--ca-file", "gone.crt"]) == 2
    assert "redis.ca_file: there is no file gone.crt" in capsys.readouterr().err
