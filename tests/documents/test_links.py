"""The documents hold together: links, anchors and pictures lead somewhere, and the index knows every page."""

from urllib.parse import unquote

import pytest

from tests.documents.reading import ROOT, links, pages, slugs

ALL = [*pages(), ROOT / "docs" / "decisions.md", ROOT / "CHANGELOG.md", ROOT / "cortex_distill" / "local" / "README.md"]
NAMES = [page.relative_to(ROOT).as_posix() for page in ALL]


@pytest.mark.parametrize("page", ALL, ids=NAMES)
def test_every_link_leads_somewhere(page):
    broken = []
    for target in links(page):
        path, _, anchor = unquote(target).partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in slugs(there)):
            broken.append(target)
    assert not broken


def test_the_index_names_every_page():
    index = ROOT / "docs" / "README.md"
    named = {(index.parent / target.partition("#")[0]).resolve() for target in links(index)}
    missing = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md") if path not in named]
    assert missing == ["docs/README.md"] or not missing


def test_the_readme_leads_to_the_index():
    assert "docs/README.md" in links(ROOT / "README.md")
