"""`soulsai init` writes passwords, users and certificates, and overwrites nothing."""

import os
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from soulsai_core.cli import main
from soulsai_core.config import read_secret
from soulsai_core.contributors.certificates import hosts_of, make_authority, make_server
from soulsai_core.contributors.initialize import give_to_owner, initialize, renew_users, write_environment
from soulsai_core.contributors.invitation import read_invitation
from soulsai_core.contributors.passwords import password_hash
from soulsai_core.errors import ConfigError

NOW = datetime.now(UTC)
FILES = (
    "redis.secret",
    "grafana.secret",
    "page.secret",
    "client.join",
    "telemetry.secret",
    "acl/users.acl",
    "tls/ca.crt",
    "tls/ca.key",
    "tls/redis.crt",
    "tls/redis.key",
)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "config"
    list(initialize(made, ["play.example.org", "203.0.113.5"], NOW))
    return made


def contents(folder):
    return {name: (folder / name).read_bytes() for name in FILES}


def test_passwords_are_strong_different_and_read_as_secrets(folder):
    passwords = {read_secret(folder / f"{name}.secret", {}) for name in ("redis", "telemetry")}
    assert len(passwords) == 2 and all(len(password) >= 32 for password in passwords)
    users = (folder / "acl" / "users.acl").read_text()
    assert not any(password in users for password in passwords)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
def test_only_their_owner_reads_secrets(folder):
    for name in FILES:
        mode = stat.S_IMODE((folder / name).stat().st_mode)
        assert mode == (0o644 if name.endswith(".crt") else 0o600), name
    for name in ("acl", "tls"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o700


def test_git_ignores_the_files(folder):
    assert set((folder / ".gitignore").read_text().split()) >= {"/redis.secret", "/telemetry.secret", "/acl/", "/tls/"}


def test_second_call_changes_nothing_and_says_so(folder):
    before = contents(folder)
    sentences = list(initialize(folder, [], NOW))
    assert contents(folder) == before
    assert sentences and all("was left as it is" in sentence for sentence in sentences)


def test_certificate_is_for_the_hosts_and_signed_by_the_authority(folder):
    hosts = hosts_of((folder / "tls" / "redis.crt").read_bytes())
    assert {"localhost", "127.0.0.1", "redis", "play.example.org", "203.0.113.5"} <= set(hosts)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(folder / "tls" / "ca.crt"))
    context.load_cert_chain(folder / "tls" / "redis.crt", folder / "tls" / "redis.key")  # they fit each other


def test_new_certificate_for_more_hosts_keeps_the_authority(folder):
    sentences = list(initialize(folder, ["new.example.org"], NOW))
    assert any("not for new.example.org" in sentence for sentence in sentences)
    before = contents(folder)
    (folder / "tls" / "redis.crt").unlink(), (folder / "tls" / "redis.key").unlink()
    list(initialize(folder, ["new.example.org"], NOW))
    assert contents(folder)["tls/ca.crt"] == before["tls/ca.crt"]
    assert "new.example.org" in hosts_of((folder / "tls" / "redis.crt").read_bytes())


@pytest.mark.parametrize("host", ["pc", "play.example.org", "*.example.org", "my_pc", "203.0.113.7", "::1"])
def test_bare_host_is_in_the_certificate(tmp_path, host):
    list(initialize(tmp_path / "config", [host], NOW))
    assert host in hosts_of((tmp_path / "config" / "tls" / "redis.crt").read_bytes())


def test_password_that_is_not_in_the_users_file_is_reported(folder):
    (folder / "redis.secret").unlink()
    assert any("also forgets all invitations" in sentence for sentence in initialize(folder, [], NOW))


def test_authority_signs_for_servers_only_and_both_certificates_last_for_years():
    from cryptography import x509

    authority = make_authority(NOW)
    found = [x509.load_pem_x509_certificate(c) for c in (authority.certificate, make_server(authority, ["h"], NOW)[0])]
    basics = [c.extensions.get_extension_for_class(x509.BasicConstraints).value for c in found]
    assert [(b.ca, b.path_length) for b in basics] == [(True, 0), (False, None)]
    assert all(c.not_valid_before_utc < NOW and c.not_valid_after_utc > NOW + timedelta(days=700) for c in found)


def test_clients_on_the_servers_machine_are_invited_already(folder):
    invited = read_invitation((folder / "client.join").read_text())
    assert (invited.address, invited.run, invited.name) == ("rediss://redis:6379", "main", "local")
    assert invited.authority == (folder / "tls" / "ca.crt").read_text()
    users = (folder / "acl" / "users.acl").read_text().splitlines()
    line = next(line for line in users if line.startswith("user main:local "))
    assert password_hash(invited.password) in line and "soulsai:main:from:local" in line


def test_new_users_file_gets_a_new_invitation(folder):
    before = (folder / "client.join").read_text()
    (folder / "acl" / "users.acl").unlink()
    list(initialize(folder, [], NOW))
    assert (folder / "client.join").read_text() != before


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_root_gives_the_files_to_the_owner_of_the_folder(tmp_path):
    (tmp_path / "compose.yaml").touch()
    os.chown(tmp_path, 1234, 2345)
    folder = tmp_path / "config"
    list(initialize(folder, [], NOW)), list(write_environment(tmp_path, None)), list(give_to_owner(folder, tmp_path))
    assert {"SOULSAI_UID=1234", "SOULSAI_GID=2345"} <= set((tmp_path / ".env").read_text().split())
    assert (folder / "redis.secret").stat().st_uid == 1234


def test_folder_that_cannot_be_written_to_is_an_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ConfigError, match=r"cannot be written: Permission denied"):
        list(initialize(tmp_path, [], NOW))


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_in_a_folder_of_root_the_files_are_given_to_an_ordinary_user(tmp_path):
    (tmp_path / "compose.yaml").touch()
    folder = tmp_path / "config"
    list(initialize(folder, [], NOW)), list(write_environment(tmp_path, None)), list(give_to_owner(folder, tmp_path))
    assert "SOULSAI_UID=1000" in (tmp_path / ".env").read_text().split()
    given = [tmp_path / "saves", folder / "acl", *(folder / name for name in FILES)]
    assert {(path.stat().st_uid, path.stat().st_gid) for path in given} == {(1000, 1000)}


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_root_gives_away_a_link_but_not_the_file_that_it_points_to(tmp_path):
    folder, ours = tmp_path / "config", tmp_path / "ours"
    list(initialize(folder, [], NOW))
    ours.touch()
    (tmp_path / "saves").mkdir()
    (tmp_path / "saves" / "link").symlink_to(ours)
    list(give_to_owner(folder, tmp_path))
    assert ours.stat().st_uid == 0 and (tmp_path / "saves").stat().st_uid == 1000


def test_environment_of_a_compose_file_names_the_owner_and_the_host(tmp_path):
    assert list(write_environment(tmp_path, "h")) == []
    (tmp_path / "compose.yaml").touch()
    list(write_environment(tmp_path, "play.example.org"))
    lines = (tmp_path / ".env").read_text().split()
    assert "SOULSAI_PUBLIC_HOST=play.example.org" in lines and any(line.startswith("SOULSAI_UID=") for line in lines)
    assert (tmp_path / "saves").is_dir()
    assert {"COMPOSE_PROFILES=", "SOULSAI_CLIENTS=2"} <= set(lines)
    list(write_environment(tmp_path, "other"))
    assert "other" not in (tmp_path / ".env").read_text()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_no_one_else_may_write_what_init_makes_whatever_the_umask(tmp_path, monkeypatch, umask):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "compose.yaml").touch()
    before = os.umask(umask)
    try:
        assert main(["init", "--folder", "config"]) == 0
    finally:
        os.umask(before)
    modes = {path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    del modes[Path("compose.yaml")]
    readable = {path for path, mode in modes.items() if mode == 0o644}
    assert {path.name for path in readable} == {".gitignore", ".env", "ca.crt", "redis.crt"}
    assert {mode for path, mode in modes.items() if path not in readable} == {0o600, 0o700}


def test_disk_that_is_full_leaves_no_part_of_a_file(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", refuse, raising=False)
    with pytest.raises(ConfigError, match=r"\.gitignore cannot be written: No space left on device"):
        list(initialize(tmp_path, [], NOW))
    assert not (tmp_path / ".gitignore").exists()


def test_rights_of_an_older_version_are_named_and_renewed_and_invitations_stay(folder):
    path = folder / "acl" / "users.acl"
    before = path.read_text()
    path.write_text(before.replace(" +client|list +client|no-evict", "").replace(" +hget ", " +hmget "))
    open_user = "user health on nopass +ping\n"
    with path.open("a") as file:
        file.write(open_user)
    sentences = list(initialize(folder, [], NOW))
    assert any("other rights to server, main:local. `soulsai init --renew-users`" in s for s in sentences)
    assert any("users without a password (health)" in sentence for sentence in sentences)
    assert any("docker compose restart redis" in sentence for sentence in renew_users(folder))
    assert path.read_text() == before
    assert all("was left as it is" in sentence for sentence in initialize(folder, [], NOW))


def test_renewal_without_a_file_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"There is no .*users\.acl to renew"):
        list(renew_users(tmp_path))
