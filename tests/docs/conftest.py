"""What the pages show as files, as files."""

import sys
from importlib.metadata import EntryPoint, entry_points

import pytest
from tests.docs import pages

from soulsai_core import Catalog


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder that holds each file of the pages, and is on the path of imports."""
    folder = tmp_path_factory.mktemp("files")
    for block in pages.all_blocks("python"):
        if block.module:
            file = folder / f"{block.module}.py"
            assert not file.exists(), f"{block.place}: there is another {file.name}"
            file.write_text(block.text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield folder
        for module in folder.glob("*.py"):
            sys.modules.pop(module.stem, None)


@pytest.fixture(scope="session")
def catalog(folder):
    """What is installed, and the plugins of the pages."""
    shown = {EntryPoint(name, value, group) for group, name, value in pages.entry_points()}
    return Catalog(lambda group: [*entry_points(group=group), *(point for point in shown if point.group == group)])
