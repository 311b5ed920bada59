"""`soulsai init` looks at all that it needs, and names all that is missing, before it writes anything."""

import builtins
import os
import socket
from datetime import UTC, datetime, timedelta

import pytest

from soulsai_core.cli import main
from soulsai_core.contributors.certificates import make_authority
from soulsai_core.contributors.initialize import initialize
from soulsai_core.contributors.prerequisites import advice, check_prerequisites
from soulsai_core.errors import ConfigError

NOW = datetime.now(UTC)


@pytest.fixture
def folder(tmp_path):
    """A folder in which `soulsai init` has been called."""
    made = tmp_path / "config"
    list(initialize(made, [], NOW))
    return made


@pytest.fixture
def root(tmp_path):
    """The folder of a compose.yaml."""
    (tmp_path / "compose.yaml").touch()
    return tmp_path


def problems(folder, root, hosts=()):
    with pytest.raises(ConfigError, match=r"^Nothing was written\. ") as raised:
        check_prerequisites(folder, root, hosts)
    return str(raised.value)


def test_nothing_is_missing_before_and_after_the_first_call(root, folder):
    check_prerequisites(root / "new" / "config", root, ["play.example.org"])
    check_prerequisites(folder, root, [])


@pytest.mark.parametrize(
    "host", ["a b", "https://play.example.org", "play.example.org:6379", "[::1]", "bücher.example", "x/y", ""]
)
def test_host_that_is_no_bare_name_is_refused(tmp_path, host, capsys):
    assert main(["init", "--folder", str(tmp_path / "config"), "--host", "good.example.org", "--host", host]) == 2
    assert "is neither a name nor a numeric address: write it alone" in capsys.readouterr().err
    assert not (tmp_path / "config").exists()


def test_all_problems_are_named_together(tmp_path, root, monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    (tmp_path / "config" / "client.join").mkdir(parents=True)
    (root / "saves").write_text("")
    said = problems(tmp_path / "config", root, ["a b"])
    assert "--host 'a b'" in said and "pip install 'soulsai-core[server]'" in said
    assert "client.join is a folder and must be a file" in said and "saves is no folder" in said


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everywhere")
def test_folder_of_someone_else_is_named(tmp_path):
    tmp_path.chmod(0o500)
    assert f"{tmp_path} cannot be written to: call this as the owner" in problems(tmp_path / "config", tmp_path)


def test_folder_that_may_not_be_written_to_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"{tmp_path} cannot be written to: call this as the owner" in problems(tmp_path / "config", tmp_path)


def test_certificate_without_its_key_or_with_another_one_is_an_error(folder):
    tls = folder / "tls"
    (tls / "ca.key").write_bytes(make_authority(NOW).key)
    assert "ca.key are no certificate and its key" in problems(folder, folder)
    (tls / "redis.key").unlink()
    assert "one is missing: bring it back, or remove the other one." in problems(folder, folder)


def test_secret_that_is_none_is_an_error(folder):
    (folder / "redis.secret").write_text("hush")
    said = problems(folder, folder)
    assert "must hold the one line `requirepass PASSWORD`" in said and "hush" not in said


def test_folder_without_a_stack_certificates_that_end_and_taken_ports_are_named(folder, root, tmp_path):
    assert (
        list(advice(folder, root, NOW, {"SOULSAI_UID": "1", "SOULSAI_REDIS_PORT": "0", "SOULSAI_PAGE_PORT": "0"})) == []
    )
    late = list(advice(folder, root, NOW + timedelta(days=1820), {"SOULSAI_UID": "1"}))
    assert "redis.crt ends on" in late[0] and "ca.crt" not in late[0]
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (root / ".env").write_text(f"# comment\nSOULSAI_REDIS_PORT={port}\nSOULSAI_PAGE_PORT=0\n")
        found = list(advice(folder, root, NOW, {}))
    assert "has no SOULSAI_UID" in found[0]
    assert f"Port {port} is in use on this machine." in found[1] and "SOULSAI_REDIS_PORT" in found[1]
    (root / "compose.yaml").unlink()
    assert any("There is no compose.yaml" in sentence for sentence in advice(folder, root, NOW, {}))
