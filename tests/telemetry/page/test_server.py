"""What the page's server answers, over real sockets."""

import json
import socket
import threading
import time
import urllib.error
import urllib.request

import pytest

from soulsai_core import ConfigError
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.page import Page


@pytest.fixture
def serve(training, watch):
    """Starts the page of a node that has recorded three episodes."""
    pages = []

    def serve(**settings):
        node = training.node()
        page = Page(node, PageSettings(**settings))
        page.listen()
        pages.append(page)
        node._observers.register("page", page)
        watching = watch(node)
        training.play(1, 2, 3)
        watching.until(lambda: node.history.episodes == 3 and node.vitals is not None)
        return page

    yield serve
    for page in pages:
        page.close()


def ask(page, path, *, method="GET", headers=None):
    request = urllib.request.Request(page.url + path, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def read(page, path):
    status, body, _ = ask(page, path)
    assert status == 200, body
    return json.loads(body)


def test_the_page_needs_nothing_from_elsewhere(serve):
    page = serve()
    status, body, headers = ask(page, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert b"http://" not in body.replace(b"http://www.w3.org", b"")
    assert b"https://" not in body


@pytest.mark.parametrize(
    ("name", "kind"),
    [("main.js", "text/javascript"), ("style.css", "text/css"), ("uPlot.iife.min.js", "text/javascript"),
     ("icon.svg", "image/svg+xml"), ("uPlot-LICENSE.txt", "text/plain")],
)  # fmt: skip
def test_its_files_are_served_with_their_kind(serve, name, kind):
    status, body, headers = ask(serve(), f"/static/{name}")
    assert (status, headers["Content-Type"].startswith(kind), len(body) > 100) == (200, True, True)


@pytest.mark.parametrize("path", ["/static/../server.py", "/static/%2e%2e/server.py", "/static/", "/etc/passwd"])
def test_nothing_else_is_served(serve, path):
    assert ask(serve(), path)[0] == 404


def test_it_says_what_is_trained(serve):
    run = read(serve(), "/api/run")
    assert (run["environment"], run["algorithm"], run["window"], run["writable"]) == ("Lander", "dqn", 3, False)
    assert run["config"]["algorithm"] == {"name": "dqn"}


def test_it_says_how_the_run_is(serve):
    state = read(serve(), "/api/state")
    assert (state["alive"], state["episodes"], state["status"]["iteration"]) == (True, 3, 7)
    assert (state["best"]["score"], state["clients"][0]["id"]) == (2.0, "client-1")
    assert state["metrics"][0] == "return"


def test_the_history_can_be_asked_for_in_part(serve):
    page = serve()
    whole = read(page, "/api/history?axis=step&points=10")
    assert whole["metrics"]["return"]["mean"] == [1.0, 2.0, 3.0]
    assert whole["extent"] == [10, 30]
    part = read(page, "/api/history?axis=step&start=15&end=25")
    assert part["metrics"]["return"]["x"] == [20]


def test_the_course_of_rates_can_be_asked_for(serve):
    assert read(serve(), "/api/vitals?axis=time")["metrics"]["admitted"]["average"][0] == 50.0


@pytest.mark.parametrize("query", ["axis=colour", "points=many", "start=nan"])
def test_a_question_that_makes_no_sense_is_a_bad_request(serve, query):
    assert ask(serve(), f"/api/history?{query}")[0] == 400


def test_logs_can_be_read_and_nothing_beside_them(serve, training):
    (training.folder / "logs").mkdir()
    (training.folder / "logs" / "client-1.log").write_text("joined\n")
    page = serve()
    assert read(page, "/api/log?name=client-1") == {"names": ["client-1"], "lines": ["joined"]}
    assert read(page, "/api/log?name=../config")["lines"] == []


def test_it_answers_health_checks(serve):
    assert read(serve(), "/health") == {"ok": True, "run_id": "run-1"}


def events(page, count):
    """The first so many events, each (name, value)."""
    connection = socket.create_connection(("127.0.0.1", int(page.url.rpartition(":")[2])), timeout=10)
    connection.sendall(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
    found = []
    with connection, connection.makefile("rb") as lines:
        for line in lines:
            if line.startswith(b"event: "):
                found.append((line[7:].strip().decode(), json.loads(next(lines)[6:])))
            if len(found) == count:
                return found
    return found


def test_state_and_episodes_are_told_as_they_come(serve, training):
    page = serve()

    def play():
        for i in range(20):
            training.status()
            training.play(10 + i)
            time.sleep(0.1)

    threading.Thread(target=play, daemon=True).start()
    found = events(page, 4)
    assert found[0] == ("hello", {"run_id": "run-1"})
    values = dict(found[1:])
    assert values["state"]["status"]["run_id"] == "run-1"
    assert values["episodes"][0]["values"]["return"][0] >= 10


# -- saving


def quicksave(page, token=None):
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    status, body, _ = ask(page, "/api/quicksave", method="POST", headers=headers)
    return status, json.loads(body)


def test_without_a_token_in_the_settings_nobody_can_save(serve, training):
    training.answer_commands()
    page = serve()
    assert [quicksave(page, token)[0] for token in (None, "", "x")] == [403, 403, 403]
    assert "quicksave" not in training.commands


@pytest.mark.parametrize("token", [None, "", "hus", "hush ", "HUSH", "hüsh"])
def test_a_wrong_token_saves_nothing(serve, training, token):
    training.answer_commands()
    page = serve(token="hush")
    header = None if token is None else token.encode().decode("latin-1")
    assert quicksave(page, header)[0] == 403
    assert "quicksave" not in training.commands


def test_who_has_the_token_can_save_and_is_told_where(serve, training):
    training.answer_commands(detail="saves/run-1/manual_save/iteration-7")
    page = serve(token="hush")
    assert read(page, "/api/run")["writable"]
    assert quicksave(page, "hush") == (200, {"ok": True, "detail": "saves/run-1/manual_save/iteration-7"})


def test_a_save_that_failed_is_told(serve, training):
    training.answer_commands(ok=False, detail="The disk is full.")
    assert quicksave(serve(token="hush"), "hush") == (503, {"ok": False, "detail": "The disk is full."})


def test_a_page_elsewhere_cannot_make_a_visitor_save(serve):
    """A form or image of another site carries no Authorization header, and no CORS header lets a script add one."""
    _, _, headers = ask(serve(token="hush"), "/api/quicksave", method="OPTIONS")
    assert "Access-Control-Allow-Origin" not in headers


# -- ports


def test_the_next_page_on_a_machine_takes_the_next_port(training):
    pages = [Page(training.node(), PageSettings()) for _ in range(2)]
    try:
        for page in pages:
            page.listen()
        assert pages[0].url != pages[1].url
    finally:
        for page in pages:
            page.close()


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(training):
    first, second = Page(training.node(), PageSettings()), None
    try:
        first.listen()
        port = int(first.url.rpartition(":")[2])
        second = Page(training.node(), PageSettings(port=port))
        with pytest.raises(ConfigError, match=rf"telemetry\.config\.page\.port is {port}"):
            second.listen()
    finally:
        first.close()


def test_after_a_restart_it_comes_back_where_it_was(training):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = Page(training.node(), PageSettings())
    page.listen(preferred=port)
    try:
        assert page.url == f"http://localhost:{port}"
    finally:
        page.close()
