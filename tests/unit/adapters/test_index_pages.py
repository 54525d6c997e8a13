"""Pages of the simple API, JSON and HTML, good and hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hublish.adapters.index.pages import parse_page
from hublish.core.ports import IndexFile
from hublish.errors import IndexFailed

URL = "https://index.example.com/simple/numpy/"
JSON = "application/vnd.pypi.simple.v1+json"
HASH = "ab" * 32
PAGE = {
    "meta": {"api-version": "1.3"},
    "name": "numpy",
    "files": [
        {
            "filename": "numpy-1.0-py3-none-any.whl",
            "url": "../../files/numpy-1.0-py3-none-any.whl#sha256=ignored",
            "hashes": {"sha256": HASH.upper(), "md5": "x"},
            "size": 12,
            "requires-python": ">=3.9",
            "yanked": False,
            "upload-time": "2026-01-01T00:00:00Z",
            "core-metadata": {"sha256": HASH, "md5": "x"},
            "dist-info-metadata": False,
        },
        {
            "filename": "numpy-1.1.tar.gz",
            "url": "https://me:secret@files.example.com/n.tar.gz",
            "hashes": {},
            "yanked": True,
        },
        {
            "filename": "numpy-1.2.tar.gz",
            "url": "/n?x=1",
            "hashes": {"sha256": "short"},
            "yanked": "broken",
            "size": -1,
        },
    ],
}
FILES = (
    IndexFile(
        filename="numpy-1.0-py3-none-any.whl",
        url="https://index.example.com/files/numpy-1.0-py3-none-any.whl",
        sha256=HASH,
        size_bytes=12,
        requires_python=">=3.9",
        has_metadata=True,
        metadata_sha256=HASH,
    ),
    IndexFile(
        filename="numpy-1.1.tar.gz",
        url="https://files.example.com/n.tar.gz",
        sha256=None,
        size_bytes=None,
        yanked="",
    ),
    IndexFile(
        filename="numpy-1.2.tar.gz",
        url="https://index.example.com/n?x=1",
        sha256=None,
        size_bytes=None,
        yanked="broken",
    ),
)


def test_json_page_is_read() -> None:
    """Every field comes over; login and fragment leave the URL, what is no hash or size is none."""
    assert parse_page(json.dumps(PAGE).encode(), content_type=f"{JSON}; charset=utf-8", url=URL) == FILES


def test_html_page_is_read() -> None:
    """Links count from <base>, attributes are unescaped, other links and tags are left alone."""
    page = f"""<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.1">
    <base href="/pool/"><base href="/other/"></head><body><A HREF="numpy-1.0-py3-none-any.whl#sha256={HASH}"
    data-requires-python="&gt;=3.9">numpy</A><a>no link</a><a href="n%2B1.tar.gz#md5=1" data-yanked>n</a>
    <a href="m.zip#sha256={HASH}&x=1" data-yanked="bad &amp; broken">m</a><a href="dir/">up</a></body></html>"""
    expected = (
        IndexFile(
            filename="numpy-1.0-py3-none-any.whl",
            url="https://index.example.com/pool/numpy-1.0-py3-none-any.whl",
            sha256=HASH,
            size_bytes=None,
            requires_python=">=3.9",
        ),
        IndexFile(
            filename="n+1.tar.gz",
            url="https://index.example.com/pool/n%2B1.tar.gz",
            sha256=None,
            size_bytes=None,
            yanked="",
        ),
        IndexFile(
            filename="m.zip",
            url="https://index.example.com/pool/m.zip",
            sha256=HASH,
            size_bytes=None,
            yanked="bad & broken",
        ),
    )

    assert parse_page(page.encode(), content_type="text/html", url=URL) == expected


@pytest.mark.parametrize(
    ("row", "attributes", "expected"),
    [
        ({}, "", (False, None)),
        ({"core-metadata": False}, 'data-core-metadata="false"', (False, None)),
        ({"core-metadata": True}, 'data-core-metadata="true"', (True, None)),
        ({"core-metadata": {"sha256": HASH.upper()}}, f'data-core-metadata="sha256={HASH.upper()}"', (True, HASH)),
        ({"core-metadata": {"md5": "x"}}, 'data-core-metadata="md5=x"', (True, None)),
        ({"core-metadata": {"sha256": "../x"}}, 'data-core-metadata="sha256=../x"', (True, None)),
        ({"dist-info-metadata": {"sha256": HASH}}, f'data-dist-info-metadata="sha256={HASH}"', (True, HASH)),
        (
            {"core-metadata": False, "dist-info-metadata": {"sha256": HASH}},
            f'data-core-metadata data-dist-info-metadata="sha256={HASH}"',
            (False, None),
        ),
    ],
    ids=["absent", "false", "true", "hash", "other-hash", "no-hash", "old-name", "new-name-counts"],
)
def test_offer_of_metadata_is_read(row: dict[str, Any], attributes: str, expected: tuple[bool, str | None]) -> None:
    """JSON and HTML say the same of a wheel's METADATA: whether it is offered, and its hash if that is a SHA-256."""
    page = {"meta": {"api-version": "1.1"}, "files": [{"filename": "a.whl", "url": "a.whl", "hashes": {}, **row}]}
    [from_json] = parse_page(json.dumps(page).encode(), content_type=JSON, url=URL)
    [from_html] = parse_page(f'<a href="a.whl" {attributes}>a</a>'.encode(), content_type="text/html", url=URL)

    assert (from_json.has_metadata, from_json.metadata_sha256) == expected
    assert from_html == from_json


@pytest.mark.parametrize("filename", ["../../etc/cron.d/x", "a/b.whl", ".hidden", "", "a\0.whl", "x" * 256, "a b.whl"])
def test_file_name_that_is_no_plain_name_is_left_out(filename: str) -> None:
    """A name that could leave the cache folder never becomes a file."""
    row = {"filename": filename, "url": "a.whl", "hashes": {"sha256": HASH}}
    page = {"meta": {"api-version": "1.0"}, "files": [row]}

    assert parse_page(json.dumps(page).encode(), content_type=JSON, url=URL) == ()


@pytest.mark.parametrize(
    "url", ["", "ftp://example.com/a.whl", "https://[broken/a.whl", "https://example.com:port/a.whl"]
)
def test_link_that_leads_nowhere_is_left_out(url: str) -> None:
    """A row whose URL cannot be asked is no file, in JSON as in HTML."""
    row = {"filename": "a.whl", "url": url, "hashes": {"sha256": HASH}}
    page = json.dumps({"meta": {"api-version": "1.0"}, "files": [row]}).encode()

    assert parse_page(page, content_type=JSON, url=URL) == ()
    assert parse_page(f'<a href="{url}">a.whl</a>'.encode(), content_type="text/html", url=URL) == ()


def test_html_base_that_is_broken_leaves_links_out() -> None:
    """A <base> that is no URL does not crash the reader."""
    assert parse_page(b'<base href="https://[x"><a href="a.whl">a</a>', content_type="text/html", url=URL) == ()


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (b"{", JSON, "the index answered a broken page at index.example.com/simple/numpy/:  Invalid JSON"),
        (
            b"[]",
            JSON,
            "the index answered a broken page at index.example.com/simple/numpy/:  Input should be an object",
        ),
        (
            b'{"meta": {"api-version": "1.0"}, "files": [{"filename": 1, "url": "x"}]}',
            JSON,
            "the index answered a broken page at index.example.com/simple/numpy/: files.0.filename Input should be a valid",
        ),
        (
            b'{"meta": {"api-version": "2.0"}, "files": []}',
            JSON,
            "expected version 1 of the simple API at index.example.com/simple/numpy/, found 2.0",
        ),
        (
            b'<meta name="pypi:repository-version" content="2.0">',
            "text/html",
            "expected version 1 of the simple API at index.example.com/simple/numpy/, found 2.0",
        ),
        (
            b"x",
            "image/png",
            "expected a page of the simple API at index.example.com/simple/numpy/, found image/png",
        ),
        (
            b"x",
            "",
            "expected a page of the simple API at index.example.com/simple/numpy/, found no content type",
        ),
    ],
)
def test_page_of_another_kind_is_refused(body: bytes, content_type: str, message: str) -> None:
    """Broken JSON, other versions and other types are told with host and path, never with the query."""
    with pytest.raises(IndexFailed) as caught:
        parse_page(body, content_type=content_type, url=f"{URL}?token=secret")

    assert caught.value.message.startswith(message)


@given(st.binary(max_size=300) | st.text(alphabet='<>a href="#=&[]:/sha256base', max_size=200).map(str.encode))
def test_html_of_any_kind_is_read_or_refused(body: bytes) -> None:
    """No bytes crash the HTML reader."""
    files = parse_page(body, content_type="text/html", url=URL)

    assert all("/" not in file.filename for file in files)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["meta", "files", "url", "filename", "hashes", "api-version"]), inner), max_leaves=8))  # fmt: skip
def test_json_of_any_shape_is_read_or_refused(document: Any) -> None:
    """No JSON document crashes the reader."""
    try:
        files = parse_page(json.dumps(document).encode(), content_type=JSON, url=URL)
    except IndexFailed:
        return

    assert all("/" not in file.filename for file in files)


@pytest.mark.parametrize("hashes", [set(), {HASH}, {"b" * 64}, {HASH, "b" * 64}], ids=["none", "one", "other", "both"])
def test_only_files_with_wanted_hashes_are_given(hashes: set[str]) -> None:
    """JSON and HTML, plain and not: what is left are the files whose sha256 is wanted, in the page's order."""
    links = [("a.whl", f"sha256={HASH}"), ("b.whl", f"sha256={'B' * 64}&x=1"), ("c.whl", "md5=1"), ("d.whl", "")]
    rows = [
        {"filename": name, "url": name, "hashes": dict([text.split("&")[0].split("=")]) if text else {}}
        for name, text in links
    ]
    plain = "".join(f'<a href="{name}#{text}">x</a>' for name, text in links)
    pages = [
        (json.dumps({"meta": {"api-version": "1.0"}, "files": rows}), JSON),
        (plain, "text/html"),
        (f"<div>{plain}</div>", "text/html"),
    ]
    expected = [name for name, found in (("a.whl", HASH), ("b.whl", "b" * 64)) if found in hashes]

    for page, content_type in pages:
        files = parse_page(page.encode(), content_type=content_type, url=URL, hashes=hashes)
        assert [file.filename for file in files] == expected
