"""Facts of bases that are made of a few files."""

from __future__ import annotations

from hublish.builders.baseimage.facts import (
    BaseFacts,
    Directory,
)
from hublish.builders.baseimage.python import read_base_facts
from hublish.oci.manifest import OCI_LAYER_GZIP
from tests.fakes import FakeImages, make_tar
from tests.unit.builders.samples import BASE

PLATFORM = "linux/amd64"


def read(*layers: dict, media_type: str = OCI_LAYER_GZIP, **spec: object):
    images = FakeImages()
    images.add_image(BASE, [make_tar(layer) for layer in layers], spec=spec, media_type=media_type)
    return read_base_facts(images, BASE, platform=PLATFORM)


def find(facts: BaseFacts, path: str) -> Directory | None:
    return next((directory for directory in facts.directories if directory.path == path), None)
