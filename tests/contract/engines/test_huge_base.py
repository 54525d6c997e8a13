"""A base that declares 8 GB, in a real registry: every engine's plan or build is refused before a layer is fetched."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO

import pytest

from hublish.builders.baseimage.record import load_base
from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.core.building import Step
from hublish.core.plan import Trust
from hublish.core.ports import ImageReader, Manifest
from hublish.core.reference import Reference, parse_reference
from hublish.errors import BuildFailed
from hublish.oci.manifest import make_digest
from tests.contract.engines.parts import Yard, stop
from tests.sandbox.base_image import push_layout

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(1200)]
DECLARED_BYTES = 8 << 30
LIMIT_BYTES = 4 << 30


@dataclass
class Watched:
    """An ImageReader that notes which blobs are opened."""

    inner: ImageReader
    opened: list[str] = field(default_factory=list)

    def fetch_manifest(self, reference: Reference) -> Manifest | None:
        return self.inner.fetch_manifest(reference)

    def open_blob(self, reference: Reference, digest: str) -> AbstractContextManager[BinaryIO]:
        self.opened.append(digest)
        return self.inner.open_blob(reference, digest)


@pytest.fixture
def huge(yard: Yard) -> Reference:
    """The base of the yard under a manifest that says its layer has 8 GB."""
    push_layout(yard.base_layout, yard.registry.host, "base/huge", "plain")
    manifest = yard.registry.manifest("base/huge", "plain")
    assert manifest is not None
    manifest["layers"][0]["size"] = DECLARED_BYTES
    body = json.dumps(manifest).encode()
    yard.registry.put("base/huge/manifests/1", body, {"Content-Type": manifest["mediaType"]})
    return parse_reference(f"{yard.registry.host}/base/huge:1").with_digest(make_digest(body))


def test_build_on_it_is_refused(yard: Yard, engine, huge: Reference) -> None:
    """The answer names the base, its size and the limit; the engine was given nothing."""
    outcome = stop(engine, yard.ask(f"FROM {huge}\nRUN true\n", name="huge"))

    assert (outcome.code, outcome.step) == ("BuildFailed", Step.BASE)
    assert outcome.message == (
        f"the base {huge.registry}/base/huge@{huge.digest} has {DECLARED_BYTES} bytes, more than the {LIMIT_BYTES} that "
        "the image may have"
    )
    assert "limits.size" in outcome.hint


def test_facts_of_it_are_not_asked_for(yard: Yard, huge: Reference, tmp_path) -> None:
    """A layered plan reads what lies in a base: of this one, its config alone."""
    images = Watched(yard.images)
    manifest = yard.registry.manifest("base/huge", "1")
    layers = OwnerCaches(tmp_path).open(owner=OWN, trust=Trust.OWNER).layers

    with pytest.raises(BuildFailed, match=f"has {DECLARED_BYTES} bytes, more than the {LIMIT_BYTES} that"):
        load_base(images, huge, platform="linux/amd64", layers=layers, limit_bytes=LIMIT_BYTES)
    assert manifest is not None
    assert images.opened == [manifest["config"]["digest"]]
