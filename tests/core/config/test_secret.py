"""The password is read from the environment or redis.secret, and no error shows it."""

import pytest

from soulsai_core.config import read_secret
from soulsai_core.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    return tmp_path / "redis.secret"


@pytest.mark.parametrize(
    "text",
    [
        "requirepass hush",
        "requirepass hush\n",
        "requirepass hush\r\n",
        "# a comment\n\n  requirepass   hush  \n\n",
        'requirepass "hush"\n',
        "requirepass 'hush'\n",
        "REQUIREPASS hush\n",
        "\ufeffrequirepass hush\n",
    ],
)
def test_the_password_is_read_however_the_file_was_written(file, text):
    file.write_text(text, encoding="utf-8")
    assert read_secret(file, {}) == "hush"


@pytest.mark.parametrize(
    ("text", "password"), [(r'"a \"b\" \\c"', r'a "b" \c'), ("p#ss", "p#ss"), ("'it\\'s'", "it's"), ('x"y', 'x"y')]
)
def test_a_password_is_read_as_redis_reads_it(file, text, password):
    file.write_text(f"requirepass {text}\n")
    assert read_secret(file, {}) == password


def test_no_file_means_no_password(file):
    assert read_secret(file, {}) is None


def test_the_environment_wins_over_the_file(file):
    file.write_text("requirepass other")
    assert read_secret(file, {"SOULSAI_REDIS_PASSWORD": "hush\n"}) == "hush"


def test_an_empty_variable_counts_as_not_set(file):
    file.write_text("requirepass hush")
    assert read_secret(file, {"SOULSAI_REDIS_PASSWORD": ""}) == "hush"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "hush",
        "password hush",
        "requirepass",
        "requirepass hush hush",
        'requirepass "hush',
        'requirepass ""',
        "requirepass hush\nhush",
    ],
)
def test_a_malformed_file_is_refused_without_showing_its_content(file, text):
    file.write_text(text)
    with pytest.raises(ConfigError, match="must hold the one line `requirepass PASSWORD`") as caught:
        read_secret(file, {})
    assert "hush" not in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_secret(tmp_path, {})
    (tmp_path / "binary").write_bytes(b"\xfa\xfb")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_secret(tmp_path / "binary", {})
