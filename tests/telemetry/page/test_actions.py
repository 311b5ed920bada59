"""What those who have the token can do through the page's server, and what nobody else can, over real sockets."""

import json
import urllib.error
import urllib.request

import pytest
from starlette.requests import Request

from soulsai_core import Catalog, ConfigError, load_config
from soulsai_core.app import resolve_telemetry
from soulsai_telemetry.config import PageSettings
from soulsai_telemetry.page import Page
from soulsai_telemetry.page.token import HEADER, TokenCheck, read_token

TOKEN = "hush-hush-hush-hush"
OWN = {"Sec-Fetch-Site": "same-origin"}
PATHS = ["/api/quicksave", "/api/settings", "/api/settings/undo"]
CHANGE = {"settings": ["algorithm.config.rate=0.1"]}


@pytest.fixture
def serve(training, start):
    """Starts the page of a node, whose training node allows changes."""
    pages = []

    def serve(*, allowed=True, **settings):
        training.write_status(changes_from_page=allowed)
        node = training.node()
        page = Page(node, PageSettings(**{"token": TOKEN, **settings}))
        page.listen()
        pages.append(page)
        start(node).until(lambda: node.status is not None)
        return page

    yield serve
    for page in pages:
        page.close()


def post(page, path, body=None, *, token=TOKEN, method="POST", **headers):
    """Status and answer."""
    given = {**OWN, **headers, **({} if token is None else {HEADER: token})}
    content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
    kept = {name: value for name, value in given.items() if value is not None}
    request = urllib.request.Request(page.url + path, content, kept, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def test_right_token_saves_the_model_and_gets_its_path(serve, training):
    training.answer_commands(detail="saves/run-1/manual_save/iteration-7")
    page = serve()
    assert post(page, "/api/quicksave") == (200, {"ok": True, "detail": "saves/run-1/manual_save/iteration-7"})


def test_failed_save_is_explained(serve, training):
    training.answer_commands(ok=False, detail="The disk is full.")
    assert post(serve(), "/api/quicksave") == (503, {"ok": False, "detail": "The disk is full."})


def test_settings_are_changed_and_undone_with_where_that_came_from(serve, training):
    training.answer_commands(detail="rate: 0.2 -> 0.1")
    page = serve()
    assert post(page, "/api/settings", CHANGE) == (200, {"ok": True, "detail": "rate: 0.2 -> 0.1"})
    assert post(page, "/api/settings/undo")[0] == 200
    assert training.commands == ["set", "set_back"]
    origin = {"origin": "the page, opened at 127.0.0.1"}
    assert training.options == [{**CHANGE, **origin}, origin]


def test_refused_change_is_a_sentence(serve, training):
    training.answer_commands(ok=False, detail="algorithm.config.rate: must be more than 0")
    answer = post(serve(), "/api/settings", CHANGE)
    assert answer == (400, {"ok": False, "detail": "algorithm.config.rate: must be more than 0"})


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"\xff", {"settings": "a=1"}, {"settings": [1]}, {"settings": []}, {},
        {"settings": ["a=1"] * 21}, {"settings": ["a=" + "1" * 500]}, {"settings": ["a=1"], "origin": "root"},
        b'{"settings": ' + b"[" * 5000,
    ],
)  # fmt: skip
def test_odd_change_is_refused_with_a_sentence_and_not_sent(serve, training, body):
    training.answer_commands()
    status, answer = post(serve(), "/api/settings", body if isinstance(body, bytes) else dict(body))
    assert (status, answer["ok"], training.commands) == (400, False, []), answer
    assert answer["detail"].endswith(".")


def test_without_the_setting_of_the_training_nothing_can_be_changed_but_models_be_saved(serve, training):
    training.answer_commands()
    page = serve(allowed=False)
    for path, body in (("/api/settings", CHANGE), ("/api/settings/undo", {})):
        status, answer = post(page, path, body)
        assert status == 409 and "training.changes_from_page=true" in answer["detail"]
    assert post(page, "/api/quicksave")[0] == 200
    assert training.commands == ["quicksave"]


# -- hostile


@pytest.mark.parametrize("path", PATHS)
def test_without_a_token_in_the_settings_nothing_can_be_done(serve, training, path):
    training.answer_commands()
    page = serve(token=None)
    assert [post(page, path, CHANGE, token=token)[0] for token in (None, "", "None", TOKEN)] == [403] * 4
    assert training.commands == []


@pytest.mark.parametrize("path", PATHS)
def test_wrong_token_does_nothing(serve, training, path):
    training.answer_commands()
    page = serve()
    for token in (None, "", TOKEN[:-1], TOKEN + "!", TOKEN.upper(), "hüsh".encode().decode("latin-1")):
        assert post(page, path, CHANGE, token=token)[0] == 403
    assert post(page, f"{path}?token={TOKEN}", CHANGE, token=None, Cookie=f"token={TOKEN}")[0] == 403
    assert training.commands == []


@pytest.mark.parametrize("site", [None, "cross-site", "same-site", "none", "SAME-ORIGIN", "same-origin, cross-site"])
def test_page_of_another_site_or_over_an_open_network_does_nothing(serve, training, site):
    training.answer_commands()
    status, answer = post(serve(), "/api/settings", CHANGE, **{"Sec-Fetch-Site": site})
    assert status == 403 and "https" in answer["detail"]
    assert training.commands == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_other_methods_do_nothing(serve, training, method):
    training.answer_commands()
    assert post(serve(), "/api/settings", CHANGE, method=method)[0] == 405
    assert training.commands == []


def test_other_sites_get_no_leave_to_send_the_token(serve):
    request = urllib.request.Request(serve().url + "/api/settings", method="OPTIONS")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert "Access-Control-Allow-Origin" not in refused.value.headers


def test_too_many_wrong_tokens_are_refused_for_a_while(serve, training):
    training.answer_commands()
    page = serve()
    answers = [post(page, "/api/settings", CHANGE, token=f"guess-{number}")[0] for number in range(14)]
    assert answers[:10] == [403] * 10 and answers[-1] == 429
    status, answer = post(page, "/api/settings", CHANGE)
    assert status == 429 and "try again in" in answer["detail"]
    assert training.commands == []


def test_right_token_is_taken_again_once_there_was_time_and_costs_none():
    now = [0.0]
    check = TokenCheck(TOKEN, lambda: now[0])

    def ask(token):
        headers = [(b"sec-fetch-site", b"same-origin"), (HEADER.lower().encode(), token.encode())]
        refused = check.refusal(Request({"type": "http", "headers": headers}))
        return None if refused is None else refused.status_code

    assert [ask("wrong") for _ in range(11)] == [403] * 10 + [429]
    now[0] += 6.1
    assert [ask(TOKEN) for _ in range(50)] == [None] * 50
    assert [ask("wrong"), ask(TOKEN)] == [403, 429]


# -- where the token comes from


def test_token_comes_from_a_file(tmp_path):
    file = tmp_path / "page.secret"
    file.write_bytes(b"\xef\xbb\xbf" + TOKEN.encode() + b"\r\n")
    assert read_token(PageSettings(token_file=str(file))) == TOKEN
    assert read_token(PageSettings(token_file=str(file), token="another-" + TOKEN)) == "another-" + TOKEN
    assert read_token(PageSettings()) is None


@pytest.mark.parametrize(
    "content", [b"", b"short", b"two words are not one", b"\xff\xfe" * 10, "ä".encode() * 20, None]
)
def test_unfit_file_of_a_token_is_named_and_its_content_not_shown(tmp_path, content):
    file = tmp_path / "page.secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match="token_file") as error:
        read_token(PageSettings(token_file=str(file)))
    assert "words" not in str(error.value) and "short" not in str(error.value)


@pytest.mark.parametrize("token", ["short", "two words are not one", "ä" * 20])
def test_unfit_token_is_refused_and_not_shown(token):
    with pytest.raises(ConfigError, match=r"token: must be one word of at least 16 ASCII") as error:
        resolve_telemetry(load_config(None, [f"telemetry.config.page.token={token}"]), Catalog())
    assert token not in str(error.value)
