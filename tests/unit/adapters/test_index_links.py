"""The links of HTML pages: the quick way gives what the HTML parser gives."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hublish.adapters.index.links import PageLinks, parse_any_links, parse_links
from hublish.adapters.index.pages import parse_page

HEAD = '<!DOCTYPE html>\n<html><head><meta name="pypi:repository-version" content="1.4"><title>a</title></head><body>\n'
PIECES = [
    HEAD, '<a href="a-1.whl#sha256=00">', '<a href="https://f.example.com/p/a-1.whl" data-yanked="">', "a-1.whl</a><br/>\n",
    '<a href="a?x=1&amp;y=2">', '<a href="b" data-requires-python="&gt;=3.9,&lt;4" data-yanked="x &amp; y">', "<a href='c'>",
    '<A HREF="d">', "<a>", '<a href="">', "<!-- ", " -->", "<script>", "</script>", '<base href="/pool/">', "<title>", "</title>",
    '<a href="e" data-yanked>', '<a  href="f">', '<a href="g" class="h">', '<a href="i" data-a="1" data-a="2">', "<", '"', "&gt;",
    "<p>", "</body></html>", "<abbr>", "<?php ", "<![CDATA[", "]]>", '<meta name="pypi:repository-version" content="2">',
]  # fmt: skip


def test_plain_page_is_read() -> None:
    """Version, targets and attributes, the latter unescaped."""
    page = (
        f'{HEAD}<a href="a-1.whl#sha256=00" data-requires-python="&gt;=3.9" data-yanked="">a</a><br/>\n</body></html>'
    )
    expected = PageLinks(
        version="1.4",
        links=[{"href": "a-1.whl#sha256=00", "data-requires-python": ">=3.9", "data-yanked": ""}],
    )

    assert parse_links(page.encode()) == expected


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example('<a href="a-1.whl#sha256=00"><meta name="pypi:repository-version" content="2">')
def test_both_ways_agree(page: str) -> None:
    """Whatever stands on a page, the quick way never says something else than the parser."""
    expected = parse_any_links(page)

    assert parse_links(page.encode()) == expected


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://f.example.com/p/a-1.whl", "https://f.example.com/p/a-1.whl"),
        ("https://F.example.com/p/a-1.whl", "https://f.example.com/p/a-1.whl"),
        ("https://f.example.com:443/a-1.whl", "https://f.example.com/a-1.whl"),
        ("https://me:secret@f.example.com/a-1.whl", "https://f.example.com/a-1.whl"),
        ("https://f.example.com/a/../a-1.whl", "https://f.example.com/a/../a-1.whl"),
        ("../a-1.whl", "https://index.example.com/simple/a-1.whl"),
    ],
)
def test_url_is_normalised_where_it_must(link: str, expected: str) -> None:
    """A login or another spelling of the host never stays; a plain URL is taken as it is."""
    page = f'<a href="{link}">a</a>'.encode()
    files = parse_page(page, content_type="text/html", url="https://index.example.com/simple/a/")

    assert [(file.filename, file.url) for file in files] == [("a-1.whl", expected)]
