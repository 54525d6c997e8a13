"""What verifying an image comes to, and what has to be so before a rebuild can say anything.

An image states its base, commit and builder in labels. They are claims: they lead to what is rebuilt, and the comparison
alone decides. Where a rebuild could differ for an honest reason, the answer is "cannot say", never "different".
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from enum import Enum

from hublish.builders.baseimage.image import BaseImage, read_base_image
from hublish.builders.layered.assembly import (
    BASE_DIGEST_LABEL,
    BASE_NAME_LABEL,
    BUILDER_LABEL,
    COMMIT_LABEL,
    name_builder,
)
from hublish.builders.layered.entrypoint import SCRIPT_PATH
from hublish.builders.verification.layerdiff import PathDifference
from hublish.core.plan import Plan
from hublish.core.ports import ImageReader
from hublish.core.reference import Reference, is_digest, parse_reference
from hublish.core.source import SourceTree
from hublish.errors import ImageInvalid, ReferenceInvalid, clip

_COMMIT = re.compile(r"[0-9a-f]{40}")
# A name of a repository; hidden folders are nothing that a claim may lead into.
_SOURCE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class Verdict(Enum):
    """What a rebuild says of an image."""

    EQUAL = "equal"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an image says of itself.

    Attributes:
        builder: what made its bytes, e.g. "layered-3 python-3.11.7".
        base_digest: of the base's manifest or index.
        base_name: `registry/repository[:tag]` of the base; None when it names none that can be read.
        commit: 40 hex digits; None when the source was no clean checkout.
        source_name: folder of the source in $HOME; None when it is no plain name.
    """

    builder: str
    base_digest: str
    base_name: str | None
    commit: str | None
    source_name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedImage:
    """An image to be verified: its manifest and config, and what it says of itself."""

    image: BaseImage
    claims: Claims

    @property
    def reference(self) -> Reference:
        """The repository, pinned to the manifest."""
        return self.image.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """Why a rebuild could say nothing, and what to do."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerDifference:
    """A layer that is not the same.

    Attributes:
        title: what is in it, e.g. "numpy 2.1.0, six 1.17.0".
        image: diff ID in the image; None when it has no such layer.
        rebuilt: diff ID of the rebuilt layer; None when there is none.
        paths: the first paths that differ.
        more_paths: how many more there are; None when the layers were not read.
        remark: what else there is to say; "" for nothing.
    """

    title: str
    image: str | None
    rebuilt: str | None
    paths: tuple[PathDifference, ...] = ()
    more_paths: int | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigDifference:
    """A key of the config that is not the same; values as JSON, clipped; None where there is no such key."""

    key: str
    image: str | None
    rebuilt: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What verifying an image came to.

    Attributes:
        verdict: the answer.
        doubt: why there is none; only with UNKNOWN.
        rebuilt_digest: of the rebuilt manifest; None when nothing was rebuilt.
        equal_layers: how many layers are the same, those of the base included.
        layers: those that are not.
        config: keys that are not the same.
        remarks: what a reader should know besides, one sentence each.
    """

    verdict: Verdict
    doubt: Doubt | None = None
    rebuilt_digest: str | None = None
    equal_layers: int = 0
    layers: tuple[LayerDifference, ...] = ()
    config: tuple[ConfigDifference, ...] = ()
    remarks: tuple[str, ...] = ()


def open_image(images: ImageReader, reference: Reference, *, platform: str) -> OpenedImage:
    """Open an image that is to be verified.

    Raises:
        ImageInvalid: there is none, it breaks the specification, or it does not say what it was made from.
        BaseUnsupported: it is none for `platform`.
        RegistryFailed: it cannot be read.
    """
    if images.fetch_manifest(reference) is None:
        raise ImageInvalid(f"there is no image {reference}", hint="Check its name and tag, and that you may read it.")
    image = read_base_image(images, reference, platform=platform)
    labels = dict(image.spec.labels)
    for name in (BUILDER_LABEL, BASE_DIGEST_LABEL):
        if not labels.get(name):
            raise ImageInvalid(
                f"{reference} has no label {name}: it was not built by hublish's strategy layered, or by one before 0.1",
                hint="Only images that `hublish build` or the service made of locked wheels can be verified.",
            )
    if not is_digest(labels[BASE_DIGEST_LABEL]):
        raise ImageInvalid(
            f"{reference}: expected a digest in the label {BASE_DIGEST_LABEL}, got {clip(labels[BASE_DIGEST_LABEL])!r}"
        )
    commit = labels.get(COMMIT_LABEL, "")
    claims = Claims(
        builder=clip(labels[BUILDER_LABEL]),
        base_digest=labels[BASE_DIGEST_LABEL],
        base_name=_find_base_name(labels.get(BASE_NAME_LABEL, "")),
        commit=commit if _COMMIT.fullmatch(commit) else None,
        source_name=_find_source_name(image.spec.entrypoint),
    )
    return OpenedImage(image=image, claims=claims)


def _find_base_name(text: str) -> str | None:
    """The base as the image names it; None where it names none that can be read."""
    try:
        reference = parse_reference(text)
    except ReferenceInvalid:
        return None
    # Names under .invalid (RFC 2606) stand for folders of this machine, and an image has no say in them.
    return None if reference.registry.endswith(".invalid") else str(replace(reference, digest=None))


def _find_source_name(entrypoint: tuple[str, ...]) -> str | None:
    match entrypoint:
        case (*_, script, _, name) if script == SCRIPT_PATH and _SOURCE_NAME.fullmatch(name):
            return str(name)
        case _:
            return None


def pin_base(claims: Claims) -> Reference:
    """The base an image names, pinned to its digest.

    Raises:
        ImageInvalid: it names none, because its base lay in a folder.
    """
    if claims.base_name is None:
        raise ImageInvalid(
            f"the image does not say where its base {claims.base_digest} lies",
            hint="Name it: --base REF, or --base oci:FOLDER for an OCI layout.",
        )
    return replace(parse_reference(claims.base_name), digest=claims.base_digest)


def find_source_doubt(claims: Claims, tree: SourceTree, *, folder: str) -> Doubt | None:
    """Tell why a folder is not what the image was made from; None when it may be.

    An image that names no commit was made from files that no commit holds: any folder may be those.
    """
    if claims.commit is None or tree.commit == claims.commit:
        return None
    checkout = f"git -C {shlex.quote(folder)} checkout {claims.commit}"
    if tree.commit is None:
        return Doubt(
            reason=f"the image was built from commit {claims.commit}; the folder is no git checkout, or has changes",
            hint=f"Verify a clean checkout of that commit: git clone REPOSITORY, then {checkout}",
        )
    return Doubt(
        reason=f"the image was built from commit {claims.commit}; the folder is at {tree.commit}",
        hint=f"Check out the image's commit: {checkout}",
    )


def find_plan_doubt(claims: Claims, plan: Plan) -> Doubt | None:
    """Tell why this program, or the base that was given, cannot make the image's bytes; None when they may."""
    if plan.base is None or plan.base.digest != claims.base_digest:
        found = "none" if plan.base is None else plan.base.digest
        return Doubt(
            reason=f"the image was built on the base {claims.base_digest}; the plan has {found}",
            hint="Give the image's own base by --base, or leave --base out.",
        )
    own = name_builder(plan)
    if own == claims.builder:
        return None
    hint = "CHANGELOG.md says which release of hublish has which builder; verify with one that has the image's."
    compiler = claims.builder.removeprefix(f"{plan.builder} python-")
    if compiler != claims.builder:
        hint = f"Run this hublish on Python {compiler}: byte-code may differ between patch releases."
    return Doubt(reason=f"the image was built by {claims.builder}; this hublish builds by {own}", hint=hint)


def render_git_commands(repository: str, claims: Claims, *, image: str) -> str:
    """Render the commands that fetch the commit of an image and verify it there.

    Args:
        repository: URL, or GitHub's `owner/name`.
        claims: of the image.
        image: as the user named it.
    """
    url = repository if re.match(r"[a-z+]+://|git@", repository) else f"https://github.com/{repository}"
    name = shlex.quote(claims.source_name or url.rstrip("/").removesuffix(".git").rpartition("/")[2] or "repository")
    lines = [f"git clone {shlex.quote(url)} {name}"]
    if claims.commit is not None:
        lines.append(f"git -C {name} checkout {claims.commit}")
    return "\n".join([*lines, f"hublish verify {shlex.quote(image)} {name}"])
