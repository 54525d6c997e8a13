"""`hublish build`: a folder becomes an image, pushed, written or loaded; Ctrl-C leaves nothing half done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hublish.builders.disk import name_disk_errors, write_file
from hublish.cli.exit_codes import ExitCode
from hublish.cli.folder import (
    BaseOption,
    CacheOption,
    EngineOption,
    FolderArgument,
    ImageOption,
    IndexMapOption,
    OpenedFolder,
    PlainHTTPOption,
    SecretOption,
    WorkersOption,
    make_choice,
    open_folder,
    parse_secrets,
    plan_images,
)
from hublish.cli.interrupts import catch_interrupt
from hublish.cli.output import (
    CacheFromOption,
    CacheKeyOption,
    LoadOption,
    OutputOption,
    PushOption,
    SBOMOption,
    TagOption,
    parse_cache_repositories,
    parse_output,
    stage_layout,
)
from hublish.cli.plan import show_plan
from hublish.cli.progress import show_progress
from hublish.cli.screen import JSONOption, Screen, open_screen
from hublish.core.measures import render_bytes, render_seconds
from hublish.core.output import Output, OutputKind
from hublish.core.plan import Strategy, make_build_key
from hublish.core.reference import Reference
from hublish.core.sbom import render_sbom

if TYPE_CHECKING:
    from hublish.cli.house import House
    from hublish.core.building import BuildSucceeded
    from hublish.core.plan import Plan

HELP = """Build the image of a folder.

A folder with a Pipfile.lock and no Dockerfile is built in layers, with no daemon and no root. A Dockerfile or
Containerfile, and the strategy `source`, are built by buildah, else by Docker Engine; --engine says which.

The image is pushed with --push, loaded into Docker Engine with --load, else written, as an OCI layout or as --output
says. Equal input gives an equal digest, on any machine and under any user. Layers that did not change are neither rebuilt nor pushed.

\b
Examples:
  hublish build
  hublish build --base oci:base-image --output image path/to/repository
  hublish build --push registry.example.org/team/ts:v1.0
  hublish build --plain-http localhost:5000 --push localhost:5000/ts:dev
  hublish build --push registry.example.org/team/ts:v1.0 --cache-key key.pem
  hublish build --output docker-archive:ts.tar --tag ts:dev
  hublish build --load --tag ts:dev
  hublish build --engine docker --load
  hublish build --secret token=token.txt

\b
What to do with an OCI layout, and with an archive:
  skopeo copy oci:image docker://registry.example.org/team/ts:v1.0
  podman pull oci:image
  docker load -i ts.tar
"""
LAYER_ROWS = 12


def build(
    context: typer.Context,
    folder: FolderArgument = Path(),
    *,
    push: PushOption = None,
    output: OutputOption = None,
    load: LoadOption = False,
    tag: TagOption = None,
    sbom: SBOMOption = None,
    image: ImageOption = None,
    base: BaseOption = None,
    plain_http: PlainHTTPOption = None,
    index_map: IndexMapOption = None,
    cache: CacheOption = None,
    workers: WorkersOption = None,
    cache_key: CacheKeyOption = None,
    cache_from: CacheFromOption = None,
    engine: EngineOption = None,
    secret: SecretOption = None,
    as_json: JSONOption = False,
) -> None:
    """Build one image of a folder; see HELP."""
    house: House = context.obj
    choice = replace(
        make_choice(cache=cache, plain_http=plain_http, index_map=index_map, workers=workers),
        cache_key=None if cache_key is None else cache_key.absolute(),
        cache_repositories=parse_cache_repositories(push, cache_from or [], cache_key=cache_key),
        engine=None if engine is None else engine.value,
        build_secrets=parse_secrets(secret or ()),
    )
    with open_screen("build", as_json=as_json) as screen:
        opened = open_folder(screen, house, folder, choice=choice, image=image)
        wanted = _pick_one(opened)
        if wanted is None:
            screen.exit_code = ExitCode.FINDINGS
            return
        layout = choice.cache / "images" / wanted.name.rsplit("/", 1)[-1]
        place = parse_output(push=push, output=output, load=load, tag=tag, name=wanted, default=layout)
        plan = _plan_one(screen, opened, base=base)
        if plan is None:
            screen.exit_code = ExitCode.FINDINGS
            return
        _build_plan(screen, opened, plan, output=place, sbom=sbom)


def _pick_one(opened: OpenedFolder) -> Reference | None:
    """The repository of the one image that is meant; None when the config has errors."""
    if len(opened.images) > 1:
        known = ", ".join(image.reference.name for image in opened.images)
        raise typer.BadParameter(f"the config names several images: {known}", param_hint="--image")
    return opened.images[0].reference if opened.images else None


def _plan_one(screen: Screen, opened: OpenedFolder, *, base: str | None) -> Plan | None:
    for item in plan_images(screen, opened, base=base, read_source=opened.read_text):
        show_plan(screen, item)
        if item.planned.plan is not None:
            return item.planned.plan
    return None


def _build_plan(screen: Screen, opened: OpenedFolder, plan: Plan, *, output: Output, sbom: Path | None) -> None:
    if sbom is not None and plan.strategy is not Strategy.LAYERED:
        raise typer.BadParameter(
            f"a bill of materials is made of locked packages; {plan.strategy.value} installs what it likes",
            param_hint="--sbom",
        )
    with catch_interrupt(screen) as interrupted:
        outcome = run_build(screen, opened, plan, output=output, cancelled=interrupted.is_set)
    if sbom is not None:
        with name_disk_errors(f"writing {sbom}"):
            write_file(sbom, render_sbom(plan, outcome))
    screen.result = make_build_document(plan, outcome, output=output)
    _show_outcome(screen, outcome, output=output)


def run_build(
    screen: Screen, opened: OpenedFolder, plan: Plan, *, output: Output, cancelled: Callable[[], bool]
) -> BuildSucceeded:
    """Run a build and show its log and progress on stderr.

    Raises:
        HublishError: the build failed or was cancelled; a layout that did not exist before does not exist now.
    """
    with stage_layout(output) as staged, show_progress(screen) as progress:
        return opened.workbench.build(
            plan, opened.source, output=staged, log=screen.remark, progress=progress, cancelled=cancelled
        )


def _show_outcome(screen: Screen, outcome: BuildSucceeded, *, output: Output) -> None:
    largest = sorted(outcome.layers, key=lambda layer: layer.size_bytes, reverse=True)[:LAYER_ROWS]
    for layer in largest:
        screen.say(f"  {render_bytes(layer.size_bytes):>8}  {layer.transfer:<9} {layer.title}")
    if len(outcome.layers) > LAYER_ROWS:
        screen.say(f"  and {len(outcome.layers) - LAYER_ROWS} smaller layers")
    for step, seconds in outcome.step_seconds:
        screen.say(f"  {render_seconds(seconds):>8}  {step}")
    pushed = output.kind is OutputKind.REGISTRY
    sent = f", {render_bytes(outcome.uploaded_bytes)} sent" if pushed else ""
    screen.say(f"{output}{'@' if pushed else ' '}{outcome.digest}", style="bold green")
    screen.say(f"{render_bytes(outcome.size_bytes)} in {len(outcome.layers)} layers{sent}")


def make_build_document(plan: Plan, outcome: BuildSucceeded, *, output: Output) -> Mapping[str, object]:
    """Make the JSON object of a build: the image, where it is, its layers and packages, how long each step took."""
    pushed = output.kind is OutputKind.REGISTRY
    return {
        "image": str(output.reference.with_digest(outcome.digest)) if pushed else None,
        "tag": output.reference.tag if pushed else None,
        "layout": str(output.path) if output.kind is OutputKind.LAYOUT else None,
        "output": str(output),
        "digest": outcome.digest,
        "size_bytes": outcome.size_bytes,
        "uploaded_bytes": outcome.uploaded_bytes,
        "build_key": make_build_key(plan),
        "layers": [
            {"title": layer.title, "digest": layer.digest, "size_bytes": layer.size_bytes, "transfer": layer.transfer}
            for layer in outcome.layers
        ],
        "packages": [{"name": name, "version": version} for name, version in outcome.packages],
        "step_seconds": dict(outcome.step_seconds),
    }
