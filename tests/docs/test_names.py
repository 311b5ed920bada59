"""Modules, files, classes and methods that the pages name exist, and the pages on plugins name all of a contract."""

import importlib
import inspect
import re
from itertools import dropwhile, takewhile

import pytest
from tests.docs import pages

import soulsai_core
import soulsai_core.replay
from soulsai_core import HookSpecs
from soulsai_core.plugins import catalog as plugin_catalog
from soulsai_telemetry import TelemetrySpecs

SOURCES = [path.as_posix() for path in pages.ROOT.glob("soulsai_*/src/**/*") if "__pycache__" not in path.parts]
FOLDERS = ("benchmarks/", "docs/", "tests/", "soulsai_")
CONTRACTS = {
    "algorithm": ["AlgorithmPlugin", "Sync", "Actor", "Learner", "StepBatch"],
    "environment": ["EnvironmentPlugin", "Environment", "Step"],
    "connector": ["ConnectorPlugin"],
    "network": ["NetworkPlugin"],
    "wrapper": ["WrapperPlugin"],
    "others": ["PresetPlugin", "TelemetryPlugin"],
}
"""Page -> the contracts of which it lists each method and attribute."""

DESCRIBED_ONCE = {"name", "config", "api_version"}
"""Attributes of every plugin, on the first page."""

HELPERS = {
    "StepBatch": {"firsts", "lasts", "continued", "after_rows", "has_after", "with_columns", "select", "part", "split"}
}
"""For those who take batches apart; their docstrings describe them."""


def members(kind):
    """Public methods and attributes of a contract."""
    named = {name for name in vars(kind) if not name.startswith("_")}
    return named | {name for name in inspect.get_annotations(kind) if not name.startswith("_")}


def public(name):
    """A public class by its name, None if there is none."""
    return getattr(soulsai_core, name, None) or getattr(soulsai_core.replay, name, None)


def exists(dotted):
    """Whether `module.name` or `Class.name` of the public names can be found."""
    first, *rest = dotted.split(".")
    if first[0].isupper():
        owner = public(first)
        return rest[0] in members(owner) | set(dir(owner))
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def is_dotted(span):
    """soulsai_core.x, or Learner.add; with or without arguments."""
    if re.fullmatch(r"soulsai_\w+(\.\w+)+", span):
        return True
    match = re.fullmatch(r"([A-Z]\w+)\.\w+", span)
    return match is not None and public(match[1]) is not None


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_names_of_python_that_a_page_mentions_exist(page):
    names = {re.sub(r"\(.*", "", span) for span in pages.spans(page)}
    assert [name for name in sorted(names) if is_dotted(name) and not exists(name)] == []


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_files_that_a_page_mentions_exist(page):
    """Below the repository, or below the sources of a distribution."""
    missing = []
    for span in set(pages.spans(page)):
        is_room = span.endswith("/") and page.name == "architecture.md" and "saves" not in span
        if re.fullmatch(r"[\w./-]+\.py", span) or is_room:
            found = any(f"{path}/".endswith(f"/{span.rstrip('/')}/") for path in SOURCES)
            missing += [] if found or (pages.ROOT / span).exists() else [span]
        elif re.fullmatch(r"[\w./-]+", span) and span.startswith(FOLDERS) and "/" in span:
            missing += [] if (pages.ROOT / span).exists() else [span]
    assert missing == []


@pytest.mark.parametrize(("page", "contract"), [(page, name) for page, names in CONTRACTS.items() for name in names])
def test_page_lists_each_method_and_attribute_of_a_contract_and_no_other(page, contract):
    kind = getattr(soulsai_core, contract)
    text = pages.text(pages.ROOT / f"docs/plugins/{page}.md")
    parts = re.split(rf"^## `{contract}`|attribute of `{contract}`", text, flags=re.MULTILINE)
    assert len(parts) == 2, f"docs/plugins/{page}.md has no table of {contract}"
    lines = dropwhile(lambda line: not line.startswith("|"), parts[1].splitlines()[1:])
    cells = [row.split("|")[1] for row in takewhile(lambda line: line.startswith("|"), lines)]
    listed = {name for cell in cells for name in re.findall(r"`(\w+)[^`]*`", cell)}
    assert listed <= members(kind)
    assert members(kind) - listed - DESCRIBED_ONCE - HELPERS.get(contract, set()) <= {"transitions"}


def test_first_page_names_each_kind_of_plugin():
    page = pages.text(pages.ROOT / "docs" / "plugins.md")
    for kind in plugin_catalog._KINDS.values():
        assert f"| `{kind.group}` |" in page and f"`{kind.type.__name__}`" in page


@pytest.mark.parametrize("hook", [name for name in vars(HookSpecs) if not name.startswith("_")])
def test_each_hook_and_each_of_its_arguments_is_described(hook):
    rows = [row for row in pages.table(pages.ROOT / "docs" / "hooks.md", "hook") if row[0] == f"`{hook}`"]
    assert len(rows) == 1
    for argument in list(inspect.signature(getattr(HookSpecs, hook)).parameters)[1:]:
        assert f"`{argument}`" in rows[0][2]


def test_hooks_are_described_in_the_order_of_a_run():
    described = [row[0].strip("`") for row in pages.table(pages.ROOT / "docs" / "hooks.md", "hook")]
    assert described == [name for name in vars(HookSpecs) if not name.startswith("_")]


def test_hooks_of_the_telemetry_node_are_described():
    own = [hook for name, hook in vars(TelemetrySpecs).items() if not name.startswith("_")]
    calls = [f"`{hook.__name__}({', '.join(list(inspect.signature(hook).parameters)[1:])})`" for hook in own]
    assert [row[0] for row in pages.table(pages.ROOT / "soulsai_telemetry" / "README.md", "hook")] == calls


def test_requests_that_the_page_of_a_run_answers_are_described():
    sources = (pages.ROOT / "soulsai_telemetry" / "src" / "soulsai_telemetry" / "page").glob("*.py")
    answered = {path for source in sources for path in re.findall(r'"(/(?:api|films)/[\w/{}-]+)"', pages.text(source))}
    rows = pages.table(pages.ROOT / "soulsai_telemetry" / "README.md", "request")
    described = {path for row in rows for path in re.findall(r"`(?:GET|POST) (/[\w/-]+)", row[0])}
    assert {path.replace("{name}", "NAME") for path in answered} == described


def test_command_that_sends_the_pages_token_has_the_header_that_is_read():
    from soulsai_telemetry.page.token import HEADER

    [command] = [
        line for line in pages.text(pages.ROOT / "soulsai_telemetry" / "README.md").splitlines() if "curl" in line
    ]
    assert f'-H "{HEADER}: ' in command and '-H "Sec-Fetch-Site: same-origin"' in command


def test_reasons_to_reject_are_described():
    from soulsai_core.wire import REASONS

    page = pages.text(pages.ROOT / "docs" / "hooks.md")
    assert [reason for reason in REASONS if f"`{reason}`" not in page] == []


def test_messages_that_a_player_may_see_are_in_the_sources():
    rows = pages.table(pages.ROOT / "docs" / "client.md", "message")
    quoted = [part.strip() for row in rows for part in re.findall(r"`(.+)`", row[0])[0].split("…")]
    sources = "".join(path.read_text(encoding="utf-8") for path in pages.ROOT.glob("soulsai_*/src/**/*.py"))
    assert quoted and [part for part in quoted if part not in sources] == []
