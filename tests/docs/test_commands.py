"""Commands that the pages show are understood. None of them is run."""

import importlib.util
import re
import shlex
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from tests.docs import pages

from soulsai_core import load_config
from soulsai_core.cli import main
from soulsai_core.cli.menu import menu
from soulsai_core.config import resolve

PROGRAM = re.compile(r"^(?:.*[\s/\\])?(?P<program>soulsai|soulsai-client)(?P<rest>\s.*|$)")
INIT = "docker compose run --rm init"
COMMANDS = [command.name for command in menu(None)]
INSTALLS = ("pip install", "git clone", "docker build")
CONFIGURED = {"train", "training-node", "config"}


def arguments(line):
    """What `soulsai` would get, None if the line does not call it."""
    line = re.sub(r"\s+#\s.*", "", line.replace(INIT, "soulsai init")).split(" > ")[0]
    match = PROGRAM.match(line)
    if match is None or any(word in line for word in INSTALLS) or " -" in line[: match.start("program")]:
        return None
    words = shlex.split(match["rest"])
    if match["program"] == "soulsai-client":
        return ["client", *words]
    return words if words and (words[0] in COMMANDS or line.startswith("soulsai ")) else None


def called(page):
    """The calls in lines of code, and those between backticks that have more than a command's name."""
    for line in pages.code_lines(page):
        if (words := arguments(line)) is not None:
            yield words
    for span in pages.spans(page):
        if span.startswith(("soulsai ", "soulsai-client ")) and not re.search(r"soulsai[ -][A-Z]", span):
            yield arguments(span) or span.split()[1:]


CALLS = sorted({(pages.name(page), tuple(words)) for page in pages.PAGES for words in called(page)})


@pytest.fixture
def parse(monkeypatch, tmp_path):
    """Give words to the command line, whose commands do nothing but return their parsed arguments."""
    monkeypatch.chdir(tmp_path)

    def parse(words):
        command = next((command for command in menu(words[0]) if command.name == words[0]), None)
        assert command is not None, f"there is no command {words[0]}"
        parsed = []
        monkeypatch.setattr(command.module(), "run", lambda args: parsed.append(args) or 0)
        assert main(list(words)) == 0
        return parsed[0]

    return parse


@pytest.mark.parametrize(("page", "words"), CALLS, ids=lambda part: part if isinstance(part, str) else " ".join(part))
def test_command_of_a_page_is_understood(page, words, parse, catalog):
    if words in [("--help",), ("--version",)]:
        return
    if len(words) == 1:
        assert words[0] in COMMANDS
        return
    args = parse(words)
    if words[0] in CONFIGURED and hasattr(args, "set"):
        file = getattr(args, "config", None)
        overrides = [override for override in args.set if "…" not in override]
        resolve(load_config(file and pages.ROOT / file, overrides, {}), catalog)


def test_every_command_is_shown():
    assert {words[0] for _, words in CALLS if words} >= set(COMMANDS) - {"client"}


def test_every_command_has_an_example_with_what_it_prints():
    shown = set()
    for block in pages.blocks(pages.ROOT / "docs" / "commands.md", "console"):
        lines = block.text.splitlines()
        for line, following in pairwise(lines):
            if line.startswith("$ soulsai ") and not following.startswith("$ "):
                shown.add(line.split()[2])
    assert shown == set(COMMANDS)


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_benchmarks_and_targets_of_make_exist(page):
    lines = [*pages.code_lines(page), *pages.spans(page)]
    modules = {name for line in lines for name in re.findall(r"python -m (benchmarks[\w.]*)", line)}
    for module in modules:
        assert importlib.util.find_spec(module), f"there is no {module}"
        package = Path(pages.ROOT, *module.split("."))
        assert package.with_suffix(".py").exists() or (package / "__main__.py").exists()
    targets = {name for line in lines for name in re.findall(r"^make (\w+)", line)}
    makefile = (pages.ROOT / "Makefile").read_text(encoding="utf-8")
    assert not [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)]


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_distributions_and_extras_to_install_exist(page):
    for name, extras in re.findall(r"(soulsai-[a-z-]+)\[([\w,]+)\]", pages.text(page)):
        project = tomllib.loads((pages.ROOT / name.replace("-", "_") / "pyproject.toml").read_text(encoding="utf-8"))
        assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"]), f"{name}[{extras}]"
