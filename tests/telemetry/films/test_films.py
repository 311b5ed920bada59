"""Films of the agent: made, kept, and served to visitors of the page."""

import json
import sys
import time
import urllib.error
import urllib.request

import pytest

from soulsai_core.app import RunFolder
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.films import maker as makers
from soulsai_telemetry.films.maker import FilmMaker
from soulsai_telemetry.films.store import MAX_BYTES, FilmStore
from soulsai_telemetry.page import Page
from soulsai_telemetry.run_view import RunView

MP4 = b"\x00\x00\x00\x20ftypisom" + b"film" * 100


@pytest.fixture
def store(tmp_path):
    return FilmStore(tmp_path)


@pytest.fixture
def add(store, tmp_path):
    def add(time, value, content=MP4):
        file = tmp_path / "new.mp4"
        file.write_bytes(content)
        store.add(file, time, value, 200)

    return add


def kept(store):
    return [(film.time, film.episode_return, film.kinds) for film in store.films()]


def test_newest_best_and_worst_are_kept(store, add, tmp_path):
    for second, value in enumerate([5.0, -20.0, 90.0, 3.0, 7.5]):
        add(second, value)
    assert kept(store) == [(4, 7.5, ("newest",)), (2, 90.0, ("best",)), (1, -20.0, ("worst",))]
    assert len(list(tmp_path.iterdir())) == 3


def test_one_film_is_all_three(store, add):
    add(1, 5.0)
    assert kept(store) == [(1, 5.0, ("newest", "best", "worst"))]


def test_film_that_is_too_large_is_not_kept(store, add, tmp_path):
    with pytest.raises(OSError, match="32 MiB"):
        add(1, 5.0, MP4 + bytes(MAX_BYTES))
    assert store.films() == []


def test_other_files_are_no_films(store, add, tmp_path):
    add(1, 5.0)
    secret = tmp_path / "secret"
    secret.write_bytes(MP4)
    (tmp_path / "film_2_1.00_5.mp4").symlink_to(secret)
    (tmp_path / "film_3_1.00_5.mp4").write_bytes(b"<html><script>alert(1)</script>")
    (tmp_path / "film_4_1.00_5.html").write_bytes(MP4)
    assert store.path("film_1_5.00_200.mp4") is not None
    names = ("secret", "../secret", "film_2_1.00_5.mp4", "film_3_1.00_5.mp4", "film_4_1.00_5.html", "", "\0")
    assert [store.path(name) for name in names] == [None] * len(names)


# -- on the page


@pytest.fixture
def page(training):
    films = training.folder / "films"
    films.mkdir()
    (films / "film_7_12.50_300.mp4").write_bytes(MP4)
    page = Page(training.node(), PageSettings())
    page.listen()
    yield page
    page.close()


def ask(page, path, **headers):
    return urllib.request.urlopen(urllib.request.Request(page.url + path, headers=headers), timeout=60)


def test_page_lists_and_serves_films_as_nothing_but_films(page):
    [film] = json.load(ask(page, "/api/films"))["films"]
    assert (film["name"], film["episode_return"], film["steps"]) == ("film_7_12.50_300.mp4", 12.5, 300)
    answer = ask(page, f"/films/{film['name']}")
    assert answer.read() == MP4
    assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == ("video/mp4", "nosniff")
    part = ask(page, f"/films/{film['name']}", Range="bytes=4-7")
    assert (part.status, part.read()) == (206, b"ftyp")


@pytest.mark.parametrize("name", ["config.json", "..%2fconfig.json", "%2e%2e/config.json", "film_8_1.00_1.mp4"])
def test_page_serves_no_other_files(page, name):
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(page, f"/films/{name}")
    assert refused.value.code == 404


# -- making them


@pytest.fixture
def make(tmp_path, monkeypatch):
    """(code of the stand-in for soulsai) -> a film maker of a run with a checkpoint, which has made a step."""
    checkpoint = tmp_path / "run" / "checkpoint"
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text("{}")
    (checkpoint / "node.json").write_text('{"iteration": 3}')
    view = RunView(RunFolder(tmp_path / "run"), shared=True)

    def make(code, ends=False):
        monkeypatch.setattr(makers, "SOULSAI", (sys.executable, "-c", code))
        waits = []

        def wait(seconds):
            waits.append(seconds)
            time.sleep(min(seconds, 0.02))
            return ends and len(waits) > 1

        made = FilmMaker(view, 60.0, wait, lambda: 1.7e9)
        made.step()
        return made, FilmStore(tmp_path / "run" / "films")

    return make


PLAY = (
    "import sys, pathlib; pathlib.Path(sys.argv[sys.argv.index('--video') + 1]).write_bytes(b'0000ftyp');"
    "print('Episode 1 returned -1,234.5 in 1,000 steps.')"
)


def test_film_is_made_of_each_new_checkpoint_once(make):
    made, store = make(PLAY)
    [film] = store.films()
    assert (film.time, film.episode_return, film.steps) == (1_700_000_000, -1234.5, 1000)
    first = (store.folder / film.name).stat().st_mtime_ns
    made.step()
    assert (store.folder / film.name).stat().st_mtime_ns == first


def test_episode_that_cannot_be_played_is_said_and_leaves_nothing(make, caplog):
    _, store = make("import sys; sys.exit('Videos need imageio-ffmpeg')")
    assert "No film was made: Videos need imageio-ffmpeg" in caplog.text
    assert list(store.folder.iterdir()) == []


def test_film_is_given_up_when_the_node_ends(make):
    _, store = make("import time; time.sleep(600)", ends=True)
    assert store.films() == []
