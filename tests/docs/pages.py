"""Reads the pages of the documentation: their code, commands, tables, links and names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("compose/**/*.md"), *ROOT.glob("soulsai_*/README.md")]
)

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_FILE = re.compile(r"# (\w+)\.py\n")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block, without its indentation."""

    page: Path
    line: int
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{name(self.page)}:{self.line}"

    @property
    def module(self) -> str | None:
        """The module's name if the block is a file: its first line is `# NAME.py`."""
        match = _FILE.match(self.text)
        return match and match[1]


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@cache
def blocks(page: Path, language: str | None = None) -> tuple[Block, ...]:
    """The fenced blocks of a page, of one language or of all."""
    return tuple(block for block in _blocks(page) if language in (None, block.language))


def all_blocks(language: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page, language)]


def _blocks(page: Path) -> Iterator[Block]:
    lines = text(page).splitlines()
    begin = None
    for number, line in enumerate(lines):
        if not (match := _FENCE.match(line)):
            continue
        if begin is None:
            begin, indent, language = number, len(match["indent"]), match["language"]
            continue
        body = "".join(f"{row[indent:]}\n" for row in lines[begin + 1 : number])
        yield Block(page, begin + 2, language, body)
        begin = None
    assert begin is None, f"{name(page)}:{begin + 1} opens a block that nothing closes"


@cache
def prose(page: Path) -> str:
    """The page without its fenced blocks and comments."""
    kept = re.sub(r"^ *```.*?^ *```\s*?$", "", text(page), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", kept, flags=re.DOTALL)


def spans(page: Path) -> list[str]:
    """What stands between backticks, also across the end of a line."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def code_lines(page: Path) -> list[str]:
    """Lines of code that a shell would get: in fenced blocks of a shell, and in indented ones."""
    fenced = [block.text for block in blocks(page) if block.language in ("sh", "console", "powershell", "")]
    indented = [line for line in prose(page).splitlines() if line.startswith("    ")]
    joined = "\n".join([*fenced, *indented]).replace("\\\n", " ")
    return [line.strip() for line in joined.splitlines()]


def table(page: Path, head: str) -> list[list[str]]:
    """The rows of all tables of a page whose first cell of the head is `head`."""
    found: list[list[str]] = []
    inside = False
    for line in text(page).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == head:
            inside = True
        elif inside and set(cells[0]) != {"-"}:
            found.append(cells)
    return found


def anchors(page: Path) -> set[str]:
    """The fragments under which GitHub finds the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """Targets of links and images, in Markdown and in HTML."""
    markdown = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return markdown + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", prose(page))


def entry_points() -> list[tuple[str, str, str]]:
    """(group, name, value) of the entry points that blocks of TOML declare."""
    found = []
    for block in all_blocks("toml"):
        groups = tomllib.loads(block.text)["project"]["entry-points"]
        found += [(group, key, value) for group, points in groups.items() for key, value in points.items()]
    return found
