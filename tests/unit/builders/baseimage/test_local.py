"""The bases of a container build under names of this machine."""

from __future__ import annotations

import pytest

from hublish.builders.baseimage.local import LOCAL_HOST, open_bases, render_local
from hublish.core.container import BasePin, ContainerBuild
from hublish.core.reference import Reference
from hublish.errors import BaseUnsupported, BuildFailed
from tests.fakes import FakeImages, make_tar

BASE = Reference(registry="registry.example.org", repository="base/python", tag="1")


def make_build(digest: str, *, text: str | None = None, size_bytes: int = 1 << 20) -> ContainerBuild:
    pinned = Reference(registry=BASE.registry, repository=BASE.repository, digest=digest)
    return ContainerBuild(
        dockerfile_text=f"FROM {pinned} AS one\nRUN true\n" if text is None else text,
        files=(),
        folders=(),
        target=None,
        args=(),
        secrets=(),
        bases=(BasePin(name="base:1", image=pinned),),
        platform="linux/amd64",
        created_at="2026-11-21T10:00:00Z",
        time_seconds=60,
        size_bytes=size_bytes,
    )


def push(**spec: object) -> tuple[FakeImages, str]:
    images = FakeImages()
    return images, images.add_image(BASE, [make_tar({"/etc": (0o755, 0, 0)})], spec=spec)


def test_base_is_named_after_its_digest_and_nothing_else_changes() -> None:
    """The engine finds it under a name that no registry can have."""
    images, digest = push()
    build = make_build(digest)
    (base,) = bases = open_bases(build, images)

    assert str(base.local) == f"{LOCAL_HOST}/base:{digest.removeprefix('sha256:')}"
    assert render_local(build, bases) == f"FROM {base.local} AS one\nRUN true\n"


def test_base_larger_than_the_image_may_be_is_refused_before_it_is_fetched() -> None:
    """Its manifest's word is enough: 8 GB are never asked for."""
    images, digest = push()
    images.blobs = {key: body for key, body in images.blobs.items() if body[:1] == b"{"}
    with pytest.raises(BuildFailed, match=r"has \d+ bytes, more than the 16 that the image may have") as caught:
        open_bases(make_build(digest, size_bytes=16), images)

    assert "limits.size" in caught.value.hint


def test_base_of_another_architecture_is_refused() -> None:
    """The plan found another one under that digest's name, or the registry changed its mind."""
    images, digest = push(architecture="arm64")
    with pytest.raises(BaseUnsupported, match="arm64"):
        open_bases(make_build(digest), images)


def test_image_that_the_plan_does_not_pin_is_refused() -> None:
    """Nothing is built on what nobody looked up."""
    images, digest = push()
    build = make_build(digest)
    bases = open_bases(build, images)
    with pytest.raises(BuildFailed, match=r"names docker\.io/library/other:1 in line 1, which the plan does not pin"):
        render_local(make_build(digest, text="FROM docker.io/library/other:1\n"), bases)
