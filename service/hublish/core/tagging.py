"""Which tags an image gets: by what kind of ref was built.

A tag of git goes the whole way: `{release}` and the other tags of the config. A branch or a SHA gets one tag of its
own and moves nothing. A pull request's head stays under the build's own tag.
"""

from __future__ import annotations

import re

from hublish.core.config.file import ImageConfig, make_tags
from hublish.core.repository import RefKind, ResolvedRef

RELEASE = "{release}"
_TAG_LIMIT = 128
_SHORT_SHA = 7


def make_image_tags(image: ImageConfig, ref: ResolvedRef) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Make the tags of an image for a ref.

    Returns:
        `(fixed, floating)`: tags that hold this very release or commit, and tags that move from release to release.
    Raises:
        ValueInvalid: a tag of the config together with the release's name is no tag of the registry's grammar.
    """
    if ref.kind is RefKind.PULL_REQUEST:
        return (), ()
    if ref.kind is not RefKind.TAG:
        name = ref.name if ref.kind is RefKind.BRANCH else ""
        slug = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[: _TAG_LIMIT - _SHORT_SHA - 1]
        short = ref.sha[:_SHORT_SHA]
        return (f"{slug}-{short}" if slug else f"sha-{short}",), ()
    tags = make_tags(image, release=ref.name)
    fixed = tuple(tag for tag, written in zip(tags, image.tags, strict=True) if RELEASE in written)
    # A release may be called "latest": its own tag is set once, and not as one that moves.
    floating = tuple(
        tag for tag, written in zip(tags, image.tags, strict=True) if RELEASE not in written and tag not in fixed
    )
    return fixed, floating
