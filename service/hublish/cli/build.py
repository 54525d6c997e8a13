"""`hublish build`: a folder becomes an image, pushed or written as an OCI layout; Ctrl-C leaves nothing half done."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from hublish.cli.exit_codes import ExitCode
from hublish.cli.folder import (
    BaseOption,
    CacheOption,
    FolderArgument,
    ImageOption,
    IndexMapOption,
    OpenedFolder,
    PlainHTTPOption,
    PlannedImage,
    WorkersOption,
    make_choice,
    open_folder,
    plan_images,
)
from hublish.cli.plan import show_plan
from hublish.cli.progress import show_progress
from hublish.cli.screen import JSONOption, Screen, open_screen
from hublish.core.measures import render_bytes, render_seconds
from hublish.core.plan import make_build_key
from hublish.core.reference import Reference, parse_reference, parse_repository
from hublish.errors import ReferenceInvalid

if TYPE_CHECKING:
    from hublish.cli.house import House
    from hublish.core.building import BuildSucceeded
    from hublish.core.plan import Plan

HELP = """Build the image of a folder, with no daemon and no root.

The image is pushed with --push, else written as an OCI layout. Equal input gives an equal digest, on any machine and
under any user. Layers that did not change are neither rebuilt nor pushed.

\b
Examples:
  hublish build
  hublish build --base oci:base-image --output image path/to/repository
  hublish build --push registry.example.org/team/ts:v1.0
  hublish build --plain-http localhost:5000 --push localhost:5000/ts:dev
  hublish build --push registry.example.org/team/ts:v1.0 --cache-key key.pem

\b
What to do with an OCI layout:
  skopeo copy oci:image docker://registry.example.org/team/ts:v1.0
  podman pull oci:image
"""
LAYER_ROWS = 12


def build(
    context: typer.Context,
    folder: FolderArgument = Path(),
    *,
    push: Annotated[str | None, typer.Option(metavar="REF", help="Push the image as REGISTRY/NAME:TAG.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write an OCI layout here.", show_default="images/NAME in the cache"),
    ] = None,
    image: ImageOption = None,
    base: BaseOption = None,
    plain_http: PlainHTTPOption = None,
    index_map: IndexMapOption = None,
    cache: CacheOption = None,
    workers: WorkersOption = None,
    cache_key: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep what is known of layers in the registry, too, signed by this key; made where there is none.",
            show_default="not kept there",
        ),
    ] = None,
    cache_from: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REPOSITORY", help="Also use the layers of this REGISTRY/NAME, of the same key. Repeatable."
        ),
    ] = None,
    as_json: JSONOption = False,
) -> None:
    """Build one image of a folder; see HELP."""
    house: House = context.obj
    target = None if push is None else parse_target(push)
    if target is not None and output is not None:
        raise typer.BadParameter("give either --push or --output", param_hint="--output")
    choice = replace(
        make_choice(cache=cache, plain_http=plain_http, index_map=index_map, workers=workers),
        cache_key=None if cache_key is None else cache_key.absolute(),
        cache_repositories=parse_cache_repositories(target, cache_from or [], cache_key=cache_key),
    )
    with open_screen("build", as_json=as_json) as screen:
        opened = open_folder(screen, house, folder, choice=choice, image=image)
        made = _plan_one(screen, opened, base=base)
        if made is None:
            screen.exit_code = ExitCode.FINDINGS
            return
        name = made[0].image.reference.name.rsplit("/", 1)[-1]
        layout = None if target is not None else (output or choice.cache / "images" / name).absolute()
        with catch_interrupt(screen) as interrupted:
            outcome = run_build(screen, opened, made[1], target=target, layout=layout, cancelled=interrupted.is_set)
        screen.result = make_build_document(made[1], outcome, target=target, layout=layout)
        _show_outcome(screen, outcome, target=target, layout=layout)


def _plan_one(screen: Screen, opened: OpenedFolder, *, base: str | None) -> tuple[PlannedImage, Plan] | None:
    if len(opened.images) > 1:
        known = ", ".join(image.reference.name for image in opened.images)
        raise typer.BadParameter(f"the config names several images: {known}", param_hint="--image")
    for item in plan_images(screen, opened, base=base, read_source=opened.read_text):
        show_plan(screen, item)
        if item.planned.plan is not None:
            return item, item.planned.plan
    return None


def parse_target(text: str) -> Reference:
    """Parse what `--push` names: an image reference with a tag.

    Raises:
        typer.BadParameter: the grammar is violated, or there is no tag, or a digest.
    """
    try:
        reference = parse_reference(text)
    except ReferenceInvalid as error:
        raise typer.BadParameter(error.message, param_hint="--push") from error
    if reference.tag is None or reference.digest is not None:
        raise typer.BadParameter(f"name a tag and no digest, e.g. {reference.name}:v1", param_hint="--push")
    return reference


def parse_cache_repositories(
    target: Reference | None, cache_from: Sequence[str], *, cache_key: Path | None
) -> tuple[Reference, ...]:
    """Parse whose layer indexes are asked: the target's own, then those of `--cache-from`.

    Raises:
        typer.BadParameter: one is no repository, or there is no key whose signature would count.
    """
    if cache_from and cache_key is None:
        raise typer.BadParameter("name the key whose signature counts with --cache-key", param_hint="--cache-from")
    try:
        others = tuple(parse_repository(text) for text in cache_from)
    except ReferenceInvalid as error:
        raise typer.BadParameter(error.message, param_hint="--cache-from") from error
    return others if target is None else (target, *others)


def run_build(
    screen: Screen,
    opened: OpenedFolder,
    made: Plan,
    *,
    target: Reference | None,
    layout: Path | None,
    cancelled: Callable[[], bool],
) -> BuildSucceeded:
    """Run a build and show its log and progress on stderr.

    Raises:
        HublishError: the build failed or was cancelled; a layout that did not exist before does not exist now.
    """
    with staged_layout(layout) as folder, show_progress(screen) as progress:
        return opened.workbench.build(
            made,
            opened.source,
            push=target,
            output=folder,
            log=screen.remark,
            progress=progress,
            cancelled=cancelled,
        )


@contextmanager
def staged_layout(layout: Path | None) -> Iterator[Path | None]:
    """Give a folder to write a layout into that becomes `layout` only when the block succeeds.

    An existing layout is written into directly: its index changes last, so that it is whole at any time.
    """
    if layout is None or layout.exists():
        yield layout
        return
    staging = layout.with_name(f".{layout.name}.incomplete-{os.getpid()}")
    layout.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield staging
        staging.rename(layout)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def catch_interrupt(screen: Screen) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event that the build looks at; the second one stops at once."""
    interrupted = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()
        screen.interrupted = True
        screen.remark("Stopping at the next safe point; press Ctrl-C again to stop at once.")

    previous = signal.signal(signal.SIGINT, on_signal)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)


def _show_outcome(screen: Screen, outcome: BuildSucceeded, *, target: Reference | None, layout: Path | None) -> None:
    largest = sorted(outcome.layers, key=lambda layer: layer.size_bytes, reverse=True)[:LAYER_ROWS]
    for layer in largest:
        screen.say(f"  {render_bytes(layer.size_bytes):>8}  {layer.transfer:<9} {layer.title}")
    if len(outcome.layers) > LAYER_ROWS:
        screen.say(f"  and {len(outcome.layers) - LAYER_ROWS} smaller layers")
    for step, seconds in outcome.step_seconds:
        screen.say(f"  {render_seconds(seconds):>8}  {step}")
    where = str(target) if target is not None else f"oci:{layout}"
    sent = f", {render_bytes(outcome.uploaded_bytes)} sent" if target is not None else ""
    screen.say(f"{where}@{outcome.digest}" if target is not None else f"{where} {outcome.digest}", style="bold green")
    screen.say(f"{render_bytes(outcome.size_bytes)} in {len(outcome.layers)} layers{sent}")


def make_build_document(
    made: Plan, outcome: BuildSucceeded, *, target: Reference | None, layout: Path | None
) -> Mapping[str, object]:
    """Make the JSON object of a build: the image, its layers and packages, and how long each step took."""
    return {
        "image": None if target is None else str(target.with_digest(outcome.digest)),
        "tag": None if target is None else target.tag,
        "layout": None if layout is None else str(layout),
        "digest": outcome.digest,
        "size_bytes": outcome.size_bytes,
        "uploaded_bytes": outcome.uploaded_bytes,
        "build_key": make_build_key(made),
        "layers": [
            {"title": layer.title, "digest": layer.digest, "size_bytes": layer.size_bytes, "transfer": layer.transfer}
            for layer in outcome.layers
        ],
        "packages": [{"name": name, "version": version} for name, version in outcome.packages],
        "step_seconds": dict(outcome.step_seconds),
    }
