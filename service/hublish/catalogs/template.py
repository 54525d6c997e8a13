"""A new ImageStream: the file, and the tag in it, that hublish writes when a hub does not list an image yet.

One shape for both: an entry never exists without a tag (a stream without tags empties the hub's whole list), has the
label that the hub selects by, and imports a tag by its policy. `imagestreams/` shows the file with placeholders and filled.

Source: OpenShift `image.openshift.io/v1` ImageStream; annotations of Open Data Hub's workbench image streams.
"""

from __future__ import annotations

import json

from hublish.catalogs.entry import Entry, Pin, make_target
from hublish.catalogs.yamlrender import DEFAULT_STEP, New, render_lines, render_scalar
from hublish.errors import clip

TITLE_LIMIT = 80
DESCRIPTION_LIMIT = 512

LABEL = "opendatahub.io/notebook-image"
SOURCE_URL = "opendatahub.io/notebook-image-url"
TITLE = "opendatahub.io/notebook-image-name"
DESCRIPTION = "opendatahub.io/notebook-image-desc"
IMPORTED_FROM = "openshift.io/imported-from"
BUILD_COMMIT = "opendatahub.io/notebook-build-commit"
SOFTWARE = "opendatahub.io/notebook-software"
DEPENDENCIES = "opendatahub.io/notebook-python-dependencies"


def make_notes(entry: Entry) -> dict[str, str]:
    """Make the annotations of a tag that tell what is in its image; those the entry says nothing of are left out."""
    return {
        BUILD_COMMIT: entry.commit,
        **({SOFTWARE: _render_packages(entry.software)} if entry.software else {}),
        **({DEPENDENCIES: _render_packages(entry.dependencies)} if entry.dependencies else {}),
    }


def make_tag(entry: Entry, *, name: str) -> dict[str, New]:
    """Make a tag of the list.

    A tag pinned by digest must not be imported on a schedule: the API server refuses such a stream.
    """
    policy: dict[str, New] = {} if entry.pin is Pin.DIGEST else {"scheduled": True}
    return {
        "name": name,
        "annotations": {IMPORTED_FROM: entry.reference.name, **make_notes(entry)},
        "from": {"kind": "DockerImage", "name": make_target(entry)},
        "importPolicy": policy,
    }


def render_imagestream(entry: Entry, *, newline: str = "\n") -> str:
    """Render the file of a new entry.

    Args:
        entry: the image; title and description are foreign text and are clipped and quoted.
        newline: line end to use, as in the files beside it.
    """
    needs = f"Needs {entry.resources}." if entry.resources else ""
    description = clip(f"{entry.description} {needs}", limit=DESCRIPTION_LIMIT)
    lines = [
        "---",
        "apiVersion: image.openshift.io/v1",
        "kind: ImageStream",
        "metadata:",
        f"  name: {render_scalar(entry.image_name)}",
        "  labels:",
        f'    {LABEL}: "true"',
        "  annotations:",
        f"    {SOURCE_URL}: {_quote(entry.source_url)}",
        f"    {TITLE}: {_quote(clip(entry.title, limit=TITLE_LIMIT) or entry.image_name)}",
        *([f"    {DESCRIPTION}: {_quote(description)}"] if description else []),
        "spec:",
        "  lookupPolicy:",
        "    local: true",
        "  tags:",
        *render_lines([make_tag(entry, name=entry.release_tag)], column=4, step=DEFAULT_STEP),
    ]
    return "".join(line + newline for line in lines)


def _quote(text: str) -> str:
    return render_scalar(text, style='"')


def _render_packages(packages: tuple[tuple[str, str], ...]) -> str:
    return json.dumps([{"name": name, "version": version} for name, version in packages], separators=(",", ":"))
