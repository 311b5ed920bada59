"""Files are read in the encodings in which editors and shells save them."""

import argparse
import codecs

import pytest

from soulsai_core.cli.connection import join_from
from soulsai_core.config import load_config, read_secret
from soulsai_core.config.text_file import read_text
from soulsai_core.errors import ConfigError

TEXT = "run:\r\n  name: año\r\n"
ENCODINGS = {
    "utf-8": TEXT.encode(),
    "utf-8 with a mark": codecs.BOM_UTF8 + TEXT.encode(),
    "utf-16 of PowerShell": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "utf-16, big end first": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "utf-32": codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"),
}
UNREADABLE = {"utf-16 without a mark": "ab: hidden".encode("utf-16-le"), "latin-1": "añb: hidden".encode("latin-1")}


@pytest.mark.parametrize("data", ENCODINGS.values(), ids=ENCODINGS)
def test_text_is_read_by_its_mark_with_plain_ends_of_lines(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    assert read_text(tmp_path / "file") == TEXT.replace("\r\n", "\n")


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_other_encodings_get_advice_that_shows_nothing_of_the_file(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(ValueError, match="save it as UTF-8") as caught:
        read_text(tmp_path / "file")
    assert "hidden" not in str(caught.value)


def _utf16(file, text):
    file.write_bytes(codecs.BOM_UTF16_LE + text.encode("utf-16-le"))
    return file


def test_configuration_secret_and_invitation_may_be_utf_16(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOULSAI_REDIS_PASSWORD", raising=False)
    _utf16(tmp_path / "config_d.yaml", "run: {seed: 3}\r\n")
    _utf16(tmp_path / "config.yaml", "run: {name: abc}\r\n")
    config = load_config(None, [], {})
    assert (config.run.name, config.run.seed) == ("abc", 3)
    assert read_secret(_utf16(tmp_path / "redis.secret", "requirepass abc\r\n")) == "abc"
    file = _utf16(tmp_path / "line.join", "soulsai-client join rediss://host:6379 main:anna:abc ca.xyz\r\n")
    with pytest.raises(ConfigError, match="invitation is damaged: its last word"):
        join_from(argparse.Namespace(invitation=["join", str(file)]))


@pytest.mark.parametrize("name", ["config.yaml", "config_d.yaml"])
def test_configuration_in_another_encoding_is_named(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes("run: {}".encode("utf-16-le"))
    with pytest.raises(ConfigError, match=rf"{name} cannot be read: .* save it as UTF-8"):
        load_config(None, [], {})
