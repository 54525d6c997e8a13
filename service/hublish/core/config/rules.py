"""Rules between the keys of `.hublish.yaml`: what two keys together may not say, and what one makes useless.

Types and limits of single keys are in `config_model`; here nothing is read, only compared.
"""

from __future__ import annotations

from typing import Any

from hublish.core.config.values import Config
from hublish.core.finding import Finding, Severity
from hublish.core.place import KeyPath
from hublish.core.plan import Strategy
from hublish.core.trees.yamltree import Tree
from hublish.errors import clip

# What a strategy leaves unread, when the strategy is named in the file.
_UNUSED: dict[Strategy, tuple[str, ...]] = {
    Strategy.LAYERED: ("dockerfile", "s2i"),
    Strategy.SOURCE: ("dockerfile", "python", "system"),
    Strategy.DOCKERFILE: ("base", "python", "system", "s2i", "source"),
}


def judges_rest(left_out: frozenset[KeyPath]) -> bool:
    """Tell whether a config that lacks these keys, for their faults, still shows what the others say together.

    Not without the images, and not without strategy or base: the rules would then tell of what the file does not say.
    """
    return not any(path[-1:] in ((), ("image",), ("images",), ("strategy",), ("base",)) for path in left_out)


def check_image_choice(tree: Tree) -> tuple[Finding, ...]:
    """Check that exactly one of `image` and `images` is there; a file that is no mapping gives no finding here."""
    if not isinstance(tree.value, dict):
        return ()
    match "image" in tree.value, "images" in tree.value:
        case True, True:
            message = "`image` and `images` are both given; one of them says where the build is pushed"
            hint = "move the image into the list `images`, or remove one key"
            return (tree.make_finding("ImageTwice", message, at=("images",), hint=hint, on_key=True),)
        case False, False:
            message = "neither `image` nor `images` says where the build is pushed"
            hint = "add `image: {name: registry.example.org/team/name}`"
            return (tree.make_finding("ImageMissing", message, at=(), hint=hint),)
        case _:
            return ()


def check_rules(tree: Tree, config: Config) -> tuple[Finding, ...]:
    """Check a filled config: images that collide, a missing builder image, keys that the strategy leaves unread."""
    return (*_check_collisions(tree, config), *_check_strategy(tree, config))


def _check_collisions(tree: Tree, config: Config) -> list[Finding]:
    findings = []
    first: dict[str, int] = {}
    for index, image in enumerate(config.images):
        if image.title in first:
            at: KeyPath = ("images", index, "name")
            message = f"two images are called `{clip(image.title)}`; a hub lists an image by this name"
            hint = f"rename this one or images[{first[image.title]}]"
            findings.append(tree.make_finding("DuplicateImage", message, at=at, hint=hint))
        first.setdefault(image.title, index)
    return findings


def _check_strategy(tree: Tree, config: Config) -> list[Finding]:
    findings: list[Finding] = []
    for index, image in enumerate(config.images if "images" in tree.value else ()):
        own = tree.value["images"][index]
        # A strategy that only this image has is judged at this image; the common one, below, once for all.
        findings += _check_keys(tree, own, ("images", index), config.for_image(image), own_base="base" in own)
    if any(image.strategy is not None for image in config.images):
        return findings
    return [*findings, *_check_keys(tree, tree.value, (), config, own_base=_have_bases(config))]


def _have_bases(config: Config) -> bool:
    return all(config.for_image(image).base is not None for image in config.images)


def _check_keys(tree: Tree, block: dict[str, Any], at: KeyPath, config: Config, *, own_base: bool) -> list[Finding]:
    """Check the keys of the file or of one image against the strategy that counts there."""
    if config.strategy is None:
        # `source` is never chosen by the files present.
        return _check_unused(tree, block, at, ("s2i",), 'only the strategy "source" reads it')
    name = config.strategy.value
    findings = _check_unused(tree, block, at, _UNUSED[config.strategy], f'the strategy "{name}" does not read it')
    missing = config.base is None and not own_base
    if config.strategy is Strategy.SOURCE and missing and "strategy" in block:
        message = 'the strategy "source" needs `base`: the builder image that holds the s2i scripts'
        hint = "add `base: registry.example.org/builders/notebook:1.0`"
        findings.append(tree.make_finding("KeyMissing", message, at=(*at, "strategy"), hint=hint))
    return findings


def _check_unused(tree: Tree, block: dict[str, Any], at: KeyPath, keys: tuple[str, ...], reason: str) -> list[Finding]:
    return [
        tree.make_finding(
            "KeyUnused", f"`{key}` has no effect: {reason}", at=(*at, key), severity=Severity.WARNING, on_key=True
        )
        for key in keys
        if key in block
    ]
