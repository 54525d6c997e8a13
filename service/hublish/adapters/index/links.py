"""The links of an HTML page of the simple API, with their attributes (PEP 503): quickly where the page is plain. Pure.

Large projects have pages of thousands of links, and a build reads a hundred pages. A page made of nothing but links is
read by one pattern; a page with any other element, a comment or an unusual link goes through the HTML parser, and both
ways give the same (a property test compares them).
"""

from __future__ import annotations

import html
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from html.parser import HTMLParser

_TAG = re.compile(r"<[^\s>]*")
_PLAIN_TAGS = frozenset(
    f"<{slash}{name}" for name in ("html", "head", "meta", "body", "h1", "a", "br", "p") for slash in ("", "/")
) | {"<!DOCTYPE", "<!doctype", "<title", "</title", "<br/"}
_LINK = re.compile(r'<a href="([^"<>&]+)"((?: data-[a-z-]+="[^"<>]*")*)>')
_ATTRIBUTE = re.compile(r' (data-[a-z-]+)="([^"]*)"')


@dataclass(slots=True, kw_only=True)
class PageLinks:
    """What an HTML page says.

    Attributes:
        version: of the API, "1.0" when the page names none.
        base: what relative links count from, "" when the page names nothing.
        links: attributes of each link with a target, in the page's order.
    """

    version: str = "1.0"
    base: str = ""
    links: list[dict[str, str | None]] = field(default_factory=list)


def parse_links(body: bytes, hashes: AbstractSet[str] | None = None) -> PageLinks:
    """Read the links of a page; any bytes are a page.

    Args:
        body: the page.
        hashes: links that plainly have another sha256 may be left out, which saves most of the time; None keeps all.
    """
    text = body.decode("utf-8", errors="replace")
    if not set(_TAG.findall(text)) <= _PLAIN_TAGS:
        return parse_any_links(text)
    head, mark, rest = text.partition("<a")
    links = _LINK.findall(mark + rest)
    # Newer parsers read a title as text, so that a link in one is none; a version may stand anywhere.
    titled = "<title" in rest or head.count("<title") != head.count("</title")
    if len(links) != text.count("<a") or titled or "<meta" in rest:
        return parse_any_links(text)
    # The parser finds the version in what stands before the first link; a plain page has no <base>.
    page = parse_any_links(head)
    page.links = [_make_attributes(href, rest) for href, rest in links if hashes is None or _may_have(href, hashes)]
    return page


def _may_have(href: str, hashes: AbstractSet[str]) -> bool:
    return href[-72:-64] != "#sha256=" or href[-64:].lower() in hashes


def _make_attributes(href: str, rest: str) -> dict[str, str | None]:
    attributes: dict[str, str | None] = {"href": href}
    for name, value in _ATTRIBUTE.findall(rest):
        attributes[name] = html.unescape(value) if "&" in value else value
    return attributes


def parse_any_links(text: str) -> PageLinks:
    """Read the links of any page with the HTML parser."""
    parser = _LinkParser()
    parser.feed(text)
    parser.close()
    return parser.page


class _LinkParser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = PageLinks()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep links, the base of relative ones, and the version of the API."""
        attributes = dict(attrs)
        if tag == "a" and attributes.get("href"):
            self.page.links.append(attributes)
        elif tag == "base" and not self.page.base:
            self.page.base = attributes.get("href") or ""
        elif tag == "meta" and attributes.get("name") == "pypi:repository-version":
            self.page.version = attributes.get("content") or ""
