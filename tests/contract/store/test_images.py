"""Images in the database: owners, records, floating tags."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from hublish.adapters.store import ImageStore
from hublish.core.imagerecords import ImageRecord, ImageRecords

AT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
NAME = "registry.example.org/team/ts"
IMAGE = ImageRecord(digest="sha256:" + "a" * 64, size_bytes=7, packages=(("six", "1.17.0"),), commit="b" * 40)


@pytest.fixture
def images(engine: sa.Engine) -> ImageRecords:
    return ImageStore(engine)


def test_repository_of_images_belongs_to_the_first_that_claims_it(images: ImageRecords) -> None:
    """The second one is told who owns it, and nothing changes."""
    before = images.find_owner(NAME)
    answers = [images.claim_owner(NAME, repo_id, at=AT) for repo_id in (7, 8, 7)]

    assert before is None
    assert answers == [7, 7, 7]
    assert images.find_owner(NAME) == 7


def test_claims_at_once_have_one_winner(images: ImageRecords) -> None:
    """Whoever is first, all are told the same; ids of GitHub do not fit 32 bits."""
    ids = range(3_000_000_000, 3_000_000_010)
    with ThreadPoolExecutor(4) as pool:
        owners = set(pool.map(lambda repo_id: images.claim_owner(NAME, repo_id, at=AT), ids))

    assert owners == {images.find_owner(NAME)}


def test_delivered_image_is_found_by_its_digest(images: ImageRecords) -> None:
    """Recording it again changes nothing; another repository or digest is not known."""
    images.record_image(NAME, IMAGE, at=AT)
    images.record_image(NAME, IMAGE, at=AT)

    assert images.find_image(NAME, IMAGE.digest) == IMAGE
    assert images.find_image(NAME, "sha256:" + "c" * 64) is None
    assert images.find_image("registry.example.org/team/other", IMAGE.digest) is None


def test_release_of_a_floating_tag_is_the_last_one_recorded(images: ImageRecords) -> None:
    """Each tag of each repository on its own."""
    for tag, release in (("latest", "v1"), ("stable", "v1"), ("latest", "v2")):
        images.record_release(NAME, tag, release, at=AT)

    assert images.find_release(NAME, "latest") == "v2"
    assert images.find_release(NAME, "stable") == "v1"
    assert images.find_release(NAME, "edge") is None
