"""A hub's folder as tests see it: ImageStreams in the manners that people write them, and the entry to bring in."""

import dataclasses

from hublish.catalogs.entry import CatalogEdit, Entry, Pin
from hublish.core.reference import parse_reference

FOLDER = "hub/notebook-images"
OLD = "sha256:" + "a" * 64
NEW = "sha256:" + "b" * 64
COMMIT = "c" * 40
IMAGE = "registry.example.org/team/ts"
ENTRY = Entry(
    image_name="ts",
    title="Time Series",
    description="Forecasts.",
    source_url="https://github.com/org/ts",
    reference=parse_reference(f"{IMAGE}:v2@{NEW}"),
    release_tag="v2",
    pin=Pin.DIGEST,
    commit=COMMIT,
)
TAG_ENTRY = dataclasses.replace(ENTRY, pin=Pin.TAG)

KUSTOMIZATION = "kind: Kustomization\nresources:\n  - other.yaml\n  - ts.yaml\n"

STREAM = """\
---
# The time series team owns this.
kind: ImageStream
apiVersion: image.openshift.io/v1
metadata:
  labels:
    opendatahub.io/notebook-image: 'true'
  annotations:
    opendatahub.io/notebook-image-url:
      "https://github.com/Org/ts.git"
    opendatahub.io/notebook-image-name: "Time   Series"   # shown in the hub
  name: ts
spec:
  lookupPolicy: {local: true}
  tags:
    - annotations:
        openshift.io/imported-from: registry.example.org/team/ts
        opendatahub.io/notebook-build-commit: "0000000000000000000000000000000000000000"
      from:
        kind: DockerImage
        name: >-
          registry.example.org/team/ts:v1
      importPolicy:
        scheduled: true   # by hand
      name: "v1"
    # - name: "v0" was removed
"""

OTHER = """\
kind: ImageStream
metadata: {name: other, annotations: {"opendatahub.io/notebook-image-url": "https://github.com/org/other"}}
spec: {tags: [{name: v1, from: {kind: DockerImage, name: registry.example.org/team/other:v1}}]}
"""


def make_files(
    stream: str | None = STREAM, *, name: str = "ts.yaml", kustomization: str = KUSTOMIZATION
) -> dict[str, str]:
    files = {f"{FOLDER}/kustomization.yaml": kustomization, f"{FOLDER}/other.yaml": OTHER}
    return files if stream is None else {**files, f"{FOLDER}/{name}": stream}


def apply(files: dict[str, str], edit: CatalogEdit) -> dict[str, str]:
    return {**files, **edit.changes}
