"""New files of the list: golden files, and what they say to a cluster."""

import runpy
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hublish.catalogs.entry import Entry, Pin, make_image_name
from hublish.catalogs.template import render_imagestream
from hublish.core.reference import parse_reference
from hublish.errors import clip

FOLDER = Path(__file__).parents[3] / "imagestreams"
DIGEST = "sha256:" + "0" * 64


def make_entry(*, title: str = "T", description: str = "", resources: str = "", pin: Pin = Pin.TAG) -> Entry:
    return Entry(
        image_name="ts",
        title=title,
        description=description,
        source_url="https://github.com/org/ts",
        reference=parse_reference(f"registry.example.org/team/ts:v1@{DIGEST}"),
        release_tag="v1",
        pin=pin,
        commit="1" * 40,
        resources=resources,
    )


def test_golden_files_are_current() -> None:
    """What is shown in imagestreams/ is what is written; `python imagestreams/generate.py` writes it anew."""
    expected = runpy.run_path(str(FOLDER / "generate.py"))["render_files"]()

    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml")} == expected


def test_tag_pin_is_imported_on_schedule() -> None:
    """An entry pinned by tag names the tag and follows it; without texts it says what it must."""
    expected = """\
---
apiVersion: image.openshift.io/v1
kind: ImageStream
metadata:
  name: ts
  labels:
    opendatahub.io/notebook-image: "true"
  annotations:
    opendatahub.io/notebook-image-url: "https://github.com/org/ts"
    opendatahub.io/notebook-image-name: "ts"
spec:
  lookupPolicy:
    local: true
  tags:
    - name: v1
      annotations:
        openshift.io/imported-from: registry.example.org/team/ts
        opendatahub.io/notebook-build-commit: "1111111111111111111111111111111111111111"
      from:
        kind: DockerImage
        name: registry.example.org/team/ts:v1
      importPolicy:
        scheduled: true
"""

    assert render_imagestream(make_entry(title="\u202e"), newline="\r\n") == expected.replace("\n", "\r\n")


@given(st.text(max_size=100), st.text(max_size=600))
def test_foreign_text_stays_text(title: str, description: str) -> None:
    """Whatever a title or a description holds, the file is read back with that text, clipped, and nothing else."""
    text = render_imagestream(make_entry(title=title, description=description, resources="1 CPU"))
    read = yaml.safe_load(text)["metadata"]["annotations"]

    assert read == {
        "opendatahub.io/notebook-image-url": "https://github.com/org/ts",
        "opendatahub.io/notebook-image-name": clip(title, limit=80) or "ts",
        "opendatahub.io/notebook-image-desc": clip(f"{description} Needs 1 CPU.", limit=512),
    }


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("registry.example.org/team/time_series", "time-series"),
        ("registry.example.org/py3.11", "py3-11"),
        ("localhost:5000/a/b/" + "x" * 62 + ".y", "x" * 62),
    ],
)
def test_image_name_is_a_dns_label(reference: str, expected: str) -> None:
    """The last part of the path is made a label of at most 63 characters."""

    assert make_image_name(parse_reference(reference)) == expected
