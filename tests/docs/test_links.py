"""Each link leads somewhere, and each page can be reached."""

import re

import pytest
from tests.docs import pages

# Package indexes show the README of a distribution, where a relative link leads nowhere.
HOST = re.compile(r"https://github\.com/amacati/SoulsAI/(?:blob|raw)/main/")
READMES = [page for page in pages.PAGES if page.parent.name.startswith("soulsai_")]


def targets(page):
    """(link, file, fragment) of the links within the repository."""
    for link in pages.links(page):
        file, _, fragment = link.partition("#")
        hosted = HOST.match(file)
        if hosted:
            yield link, pages.ROOT / file[hosted.end() :], fragment
        elif "://" not in link and not link.startswith("mailto:"):
            yield link, (page.parent / file).resolve() if file else page, fragment


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)
def test_links_and_images_exist(page):
    for link, file, fragment in targets(page):
        assert file.exists(), f"{link} leads nowhere"
        assert not fragment or fragment in pages.anchors(file), f"{link}: {pages.name(file)} has no such heading"


@pytest.mark.parametrize("page", READMES, ids=pages.name)
def test_links_of_a_distribution_work_on_a_package_index(page):
    assert [link for link in pages.links(page) if "://" not in link and not link.startswith("#")] == []


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
