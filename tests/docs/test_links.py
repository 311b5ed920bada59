"""Each link leads somewhere, and each page can be reached."""

import pytest
from tests.docs import pages


def targets(page):
    """(file, fragment) of the links within the repository."""
    for link in pages.links(page):
        if "://" not in link and not link.startswith("mailto:"):
            file, _, fragment = link.partition("#")
            yield link, (page.parent / file).resolve() if file else page, fragment


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_links_and_images_exist(page):
    for link, file, fragment in targets(page):
        assert file.exists(), f"{link} leads nowhere"
        assert not fragment or fragment in pages.anchors(file), f"{link}: {pages.name(file)} has no such heading"


def test_every_page_can_be_reached_from_the_readme():
    reached = set()
    waiting = [pages.ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            waiting += [file for _, file, _ in targets(page) if file.suffix == ".md"]
    assert [pages.name(page) for page in pages.PAGES if page not in reached] == []


def test_every_image_is_used():
    used = {file for page in pages.PAGES for _, file, _ in targets(page)}
    assert [file.name for file in (pages.ROOT / "docs" / "images").iterdir() if file not in used] == []
