"""Project pages of the simple API, read: JSON (PEP 691) or HTML (PEP 503) -> the files they offer. Pure.

A page is foreign text: a row whose file name is no plain name, or whose URL is none, is left out rather than trusted.
"""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from typing import Annotated
from urllib.parse import unquote, urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hublish.adapters.index.links import parse_links
from hublish.adapters.index.rules import split_url, without_credentials
from hublish.core.ports import IndexFile
from hublish.errors import IndexFailed, NotAllowed, clip

ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_FILENAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+!~-]{0,254}")
# An absolute URL that needs no splitting: nothing in it would be left out, joined, unescaped or lowered.
_PLAIN_URL = re.compile(
    r"https://[a-z0-9-]+(?:\.[a-z0-9-]+)*(?:/[A-Za-z0-9_~+-][A-Za-z0-9._~+-]*)*/([A-Za-z0-9][A-Za-z0-9._+!~-]{0,254})"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HTML_TYPES = ("text/html", "application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html")
_JSON_TYPES = ("application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json", "application/json")


class _Meta(BaseModel):
    api_version: Annotated[str, Field(alias="api-version", pattern=r"^\d+\.\d+$")]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)

    filename: str
    url: str
    hashes: dict[str, str] = {}
    size: int | None = None
    yanked: bool | str = False
    requires_python: Annotated[str | None, Field(alias="requires-python")] = None
    core_metadata: Annotated[bool | dict[str, str] | None, Field(alias="core-metadata")] = None
    dist_info_metadata: Annotated[bool | dict[str, str] | None, Field(alias="dist-info-metadata")] = None


class _Page(BaseModel):
    model_config = ConfigDict(extra="ignore", defer_build=True)

    meta: _Meta
    files: list[_Row]


def parse_page(
    body: bytes, *, content_type: str, url: str, hashes: AbstractSet[str] | None = None
) -> tuple[IndexFile, ...]:
    """Read a project page.

    Args:
        body: the page as received, decompressed.
        content_type: the header's value; decides between JSON and HTML.
        url: where the page came from after redirects; relative links count from it.
        hashes: sha256 in lower-case hex of the files that are wanted; None is all.

    Returns:
        The files in the page's order.

    Raises:
        IndexFailed: another content type, broken JSON, or a version of the API whose first number is not 1.

    Source:
        PEP 691 (JSON), PEP 503 (HTML), PEP 592 (yanked), PEP 629 (versions), PEP 658 and 714 (metadata),
        PEP 700 (size).
    """
    media_type = content_type.partition(";")[0].strip().lower()
    where = clip(urlsplit(url).netloc.rpartition("@")[2] + urlsplit(url).path)
    if media_type in _JSON_TYPES:
        rows = _parse_json(body, where)
    elif media_type in _HTML_TYPES:
        rows = _parse_html(body, where, hashes)
    else:
        raise IndexFailed(
            f"expected a page of the simple API at {where}, found {clip(content_type) or 'no content type'}"
        )
    if hashes is not None:
        rows = [row for row in rows if _find_sha256(row.hashes) in hashes]
    return tuple(file for file in (_make_file(row, url) for row in rows) if file is not None)


def _parse_json(body: bytes, where: str) -> list[_Row]:
    try:
        page = _Page.model_validate_json(body)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise IndexFailed(f"the index answered a broken page at {where}: {clip(place)} {clip(first['msg'])}") from None
    _verify_version(page.meta.api_version, where)
    return page.files


def _parse_html(body: bytes, where: str, hashes: AbstractSet[str] | None) -> list[_Row]:
    page = parse_links(body, hashes)
    _verify_version(page.version, where)
    return [_row_of_link(attributes, page.base) for attributes in page.links]


def _verify_version(version: str, where: str) -> None:
    if version.partition(".")[0] != "1":
        raise IndexFailed(f"expected version 1 of the simple API at {where}, found {clip(version)}")


def _row_of_link(attributes: dict[str, str | None], base: str) -> _Row:
    link, _, fragment = (attributes["href"] or "").partition("#")
    algorithm, _, value = fragment.partition("&")[0].partition("=")
    filename, url = _split_link(link, base)
    # The values have the right types already, so that pydantic, which is slow for thousands of links, need not look.
    return _Row.model_construct(
        filename=filename,
        url=url,
        hashes={algorithm: value},
        size=None,
        yanked=False if "data-yanked" not in attributes else attributes["data-yanked"] or True,
        requires_python=attributes.get("data-requires-python"),
        core_metadata=_metadata_of_attribute(attributes, "data-core-metadata"),
        dist_info_metadata=_metadata_of_attribute(attributes, "data-dist-info-metadata"),
    )


def _split_link(link: str, base: str) -> tuple[str, str]:
    """File name and URL of a link; "" where it is none."""
    plain = _PLAIN_URL.fullmatch(link)
    if plain is not None and not base:
        return plain[1], link
    if not _is_splittable(link):
        return "", ""
    return unquote(urlsplit(link).path.rpartition("/")[2]), urljoin(base, link) if _is_splittable(base) else ""


def _metadata_of_attribute(attributes: dict[str, str | None], name: str) -> bool | dict[str, str] | None:
    """What JSON would say: the attribute is "true" or `algorithm=hash`."""
    if name not in attributes:
        return None
    algorithm, _, value = (attributes[name] or "").partition("=")
    return {algorithm: value} if value else algorithm == "true"


def _is_splittable(link: str) -> bool:
    try:
        urlsplit(link)
    except ValueError:
        return False
    return True


def _make_file(row: _Row, page_url: str) -> IndexFile | None:
    if _FILENAME.fullmatch(row.filename) is None or not row.url:
        return None
    url = row.url
    if _PLAIN_URL.fullmatch(url) is None:
        try:
            url = without_credentials(split_url(urljoin(page_url, url)))
        except (NotAllowed, ValueError):
            return None
    # PEP 714 renamed the key: the old name counts only where the new one is absent.
    metadata = row.dist_info_metadata if row.core_metadata is None else row.core_metadata
    return IndexFile(
        filename=row.filename,
        url=url,
        sha256=_find_sha256(row.hashes),
        size_bytes=row.size if row.size is not None and row.size >= 0 else None,
        yanked=None if row.yanked is False else row.yanked if isinstance(row.yanked, str) else "",
        requires_python=row.requires_python or None,
        has_metadata=metadata is not None and metadata is not False,
        metadata_sha256=_find_sha256(metadata) if isinstance(metadata, dict) else None,
    )


def _find_sha256(hashes: dict[str, str]) -> str | None:
    sha256 = hashes.get("sha256", "").lower()
    return sha256 if _SHA256.fullmatch(sha256) else None
