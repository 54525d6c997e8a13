"""What plans are made with."""

from __future__ import annotations

import pytest

from tests.fakes import TINY_BASE, FakeImages, make_tar
from tests.unit.builders.samples import BASE


@pytest.fixture
def images() -> FakeImages:
    images = FakeImages()
    images.add_image(BASE, [make_tar(TINY_BASE)])
    return images
