"""The options of `hublish build` that say where the image goes, and what is said about the place afterwards.

One image goes to one place: a registry (--push), a folder or file (--output), or the Docker Engine here (--load).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from hublish.builders.disk import name_disk_errors
from hublish.core.output import Output, OutputKind
from hublish.core.reference import Reference, parse_reference, parse_repository
from hublish.errors import ReferenceInvalid, clip

# Where a name without a host belongs for Docker.
_DOCKER_HUB = "docker.io"
_DEFAULT_TAG = "latest"
_PREFIXES = {"oci": OutputKind.LAYOUT, "docker-archive": OutputKind.ARCHIVE}

PushOption = Annotated[str | None, typer.Option(metavar="REF", help="Push the image as REGISTRY/NAME:TAG.")]
OutputOption = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE",
        help="Write the image: oci:FOLDER (or just FOLDER) as an OCI layout, docker-archive:FILE for `docker load`.",
        show_default="oci:images/NAME in the cache",
    ),
]
LoadOption = Annotated[bool, typer.Option("--load", help="Load the image into Docker Engine (DOCKER_HOST counts).")]
TagOption = Annotated[
    str | None,
    typer.Option(metavar="NAME:TAG", help="Name of the image in an archive or engine.", show_default="its own, latest"),
]
SBOMOption = Annotated[
    Path | None, typer.Option("--sbom", metavar="FILE", help="Write the bill of materials here (CycloneDX 1.6, JSON).")
]


CacheKeyOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Keep what is known of layers in the registry, too, signed by this key; made where there is none.",
        show_default="not kept there",
    ),
]
CacheFromOption = Annotated[
    list[str] | None,
    typer.Option(metavar="REPOSITORY", help="Also use the layers of this REGISTRY/NAME, of the same key. Repeatable."),
]


def parse_output(
    *, push: str | None, output: str | None, load: bool, tag: str | None, name: Reference, default: Path
) -> Output:
    """Parse the options that say where the image goes.

    Args:
        push: value of --push.
        output: value of --output.
        load: whether --load was given.
        tag: value of --tag.
        name: repository of the image by its config.
        default: folder of the layout when nothing is said.

    Raises:
        typer.BadParameter: several places, a reference that cannot be meant, or no path.
    """
    if sum((push is not None, output is not None, load)) > 1:
        raise typer.BadParameter("give one of --push, --output and --load", param_hint="--output")
    if push is not None:
        if tag is not None:
            raise typer.BadParameter("--push names the tag already", param_hint="--tag")
        return Output(kind=OutputKind.REGISTRY, reference=parse_target(push, option="--push"))
    reference = name.with_tag(_DEFAULT_TAG) if tag is None else parse_target(tag, option="--tag", default=_DOCKER_HUB)
    if load:
        return Output(kind=OutputKind.ENGINE, reference=reference)
    kind, path = (OutputKind.LAYOUT, default) if output is None else _parse_place(output)
    return Output(kind=kind, reference=reference, path=path.absolute())


def parse_cache_repositories(
    push: str | None, cache_from: Sequence[str], *, cache_key: Path | None
) -> tuple[Reference, ...]:
    """Parse whose layer indexes are asked: those of what `--push` names, then those of `--cache-from`.

    Raises:
        typer.BadParameter: one is no repository, or there is no key whose signature would count.
    """
    if cache_from and cache_key is None:
        raise typer.BadParameter("name the key whose signature counts with --cache-key", param_hint="--cache-from")
    try:
        others = tuple(parse_repository(text) for text in cache_from)
    except ReferenceInvalid as error:
        raise typer.BadParameter(error.message, param_hint="--cache-from") from error
    return others if push is None else (parse_target(push, option="--push"), *others)


def parse_target(text: str, *, option: str, default: str | None = None) -> Reference:
    """Parse the name that an image gets: a reference with a tag.

    Args:
        text: what was given.
        option: to which option, for the error.
        default: registry of names that have none; None makes that an error.

    Raises:
        typer.BadParameter: the grammar is violated, or there is no tag, or a digest.
    """
    try:
        reference = parse_reference(text, default_registry=default)
    except ReferenceInvalid as error:
        raise typer.BadParameter(error.message, param_hint=option) from error
    if reference.tag is None or reference.digest is not None:
        raise typer.BadParameter(f"name a tag and no digest, e.g. {reference.name}:v1", param_hint=option)
    return reference


def _parse_place(text: str) -> tuple[OutputKind, Path]:
    word, colon, rest = text.partition(":")
    kind = _PREFIXES.get(word) if colon else None
    if colon and kind is None and "/" not in word:
        known = ", ".join(f"{prefix}:" for prefix in _PREFIXES)
        raise typer.BadParameter(
            f"expected a folder or one of {known} before a path, got {clip(text)!r}", param_hint="--output"
        )
    path = text if kind is None else rest
    if not path:
        raise typer.BadParameter(f"expected a path, got {clip(text)!r}", param_hint="--output")
    return kind or OutputKind.LAYOUT, Path(path)


@contextmanager
def stage_layout(output: Output) -> Iterator[Output]:
    """Give an output to write to whose layout becomes the one that was asked for only when the block succeeds.

    An existing layout is written into directly: its index changes last, so that it is whole at any time. One that another
    build made in the meantime gets the image as well. Other outputs are whole or not there by themselves.
    """
    layout = output.path
    if output.kind is not OutputKind.LAYOUT or layout is None or layout.exists():
        yield output
        return
    staging = layout.with_name(f".{layout.name}.incomplete-{os.getpid()}")
    with name_disk_errors(f"writing {layout}"):
        layout.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield replace(output, path=staging)
        with name_disk_errors(f"writing {layout}"):
            _move_layout(staging, layout, name=output.reference)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _move_layout(staging: Path, layout: Path, *, name: Reference) -> None:
    try:
        staging.rename(layout)
    except OSError:
        if not layout.is_dir():
            raise
        from hublish.bootstrap.outputs import copy_image  # noqa: PLC0415  # start-up time

        copy_image(name, source=staging, target=layout)
