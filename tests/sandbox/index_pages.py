"""The pages of the sandbox's package index: JSON (PEP 691, 700, 714) and HTML (PEP 503, 592, 714)."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

JSON_TYPE = "application/vnd.pypi.simple.v1+json"


@dataclass(slots=True, kw_only=True)
class ServedFile:
    """One file the index offers; change its fields to make the index lie about it."""

    project: str
    version: str
    filename: str
    body: bytes
    requires_python: str | None = None
    yanked: str | None = None
    url: str | None = None
    gone: bool = False
    metadata: bytes | None = None
    metadata_hashed: bool = True

    @property
    def sha256(self) -> str:
        """The hash the index lists."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def metadata_offer(self) -> str | None:
        """What a page says of the METADATA (PEP 714): "true", "sha256=...", or None when it is not offered."""
        if self.metadata is None:
            return None
        return f"sha256={hashlib.sha256(self.metadata).hexdigest()}" if self.metadata_hashed else "true"

    @property
    def href(self) -> str:
        """Where the index says the file is: `url` when set, else a path on the index's own host."""
        return f"/files/{self.sha256}/{self.filename}" if self.url is None else self.url


def render_json_page(project: str, files: Sequence[ServedFile]) -> str:
    """A project page by PEP 691, with the sizes of PEP 700."""
    rows: list[dict[str, Any]] = [
        {
            "filename": item.filename,
            "url": item.href,
            "hashes": {"sha256": item.sha256},
            "size": len(item.body),
            "requires-python": item.requires_python,
            "yanked": item.yanked or (item.yanked is not None),
            "core-metadata": _metadata_offer(item),
        }
        for item in files
    ]
    page = {"meta": {"api-version": "1.1"}, "name": project, "versions": sorted({item.version for item in files})}
    return json.dumps({**page, "files": rows})


def _metadata_offer(item: ServedFile) -> bool | dict[str, str]:
    algorithm, _, value = (item.metadata_offer or "").partition("=")
    return {algorithm: value} if value else item.metadata_offer is not None


def render_html_page(project: str, files: Sequence[ServedFile]) -> str:
    """A project page by PEP 503, with the attributes of PEP 592 and the one of data-requires-python."""
    rows = []
    for item in files:
        attributes = "" if item.yanked is None else f' data-yanked="{html.escape(item.yanked)}"'
        if item.requires_python is not None:
            attributes += f' data-requires-python="{html.escape(item.requires_python)}"'
        if item.metadata_offer is not None:
            attributes += f' data-core-metadata="{item.metadata_offer}"'
        link = html.escape(f"{item.href}#sha256={item.sha256}")
        rows.append(f'<a href="{link}"{attributes}>{html.escape(item.filename)}</a><br/>')
    title = f"<title>Links for {project}</title>"
    return f"<!DOCTYPE html><html><head>{title}</head><body>{''.join(rows)}</body></html>"
