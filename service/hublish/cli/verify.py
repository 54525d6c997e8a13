"""`hublish verify`: an image is rebuilt from its lock and compared; it prints what is equal, what differs, or why not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hublish.builders.verification.verdict import (
    Claims,
    Doubt,
    LayerDifference,
    OpenedImage,
    Verdict,
    Verification,
    find_source_doubt,
    pin_base,
    render_git_commands,
)
from hublish.cli.exit_codes import ExitCode
from hublish.cli.folder import (
    BaseOption,
    CacheOption,
    EngineOption,
    IndexMapOption,
    OpenedFolder,
    PlainHTTPOption,
    WorkersOption,
    make_choice,
    open_folder,
    plan_images,
)
from hublish.cli.interrupts import catch_interrupt
from hublish.cli.progress import show_progress
from hublish.cli.screen import JSONOption, Screen, open_screen

if TYPE_CHECKING:
    from hublish.cli.house import House, WorkbenchChoice
    from hublish.core.plan import Plan

HELP = """Rebuild an image from its lock and compare it, layer by layer.

The image says which base, commit and builder it was made from. FOLDER, a clean checkout of that commit, is built again
on that base: every layer and all byte-code anew, from wheels whose hashes are in the lock. A package without a wheel is
built in a container of the base, as `hublish build` does. Then everything is compared with what stands in the registry.
Nothing of the image is run.

\b
The answer:
  equal       every layer unpacks to the same bytes and the config is the same (exit code 0)
  different   which layers, which packages are in them, which paths differ (exit code 6)
  cannot say  another commit, a changed folder, another builder (exit code 7)

\b
Examples:
  hublish verify registry.example.org/team/ts:v1.0
  hublish verify registry.example.org/team/ts@sha256:0f3c... path/to/repository
  hublish verify oci:image --base oci:base-image
  hublish verify --json registry.example.org/team/ts:v1.0 | jq -r .result.verdict
"""
_EXIT_CODES = {
    Verdict.EQUAL: ExitCode.OK,
    Verdict.DIFFERENT: ExitCode.DIFFERENT,
    Verdict.UNKNOWN: ExitCode.UNKNOWN,
}
_WORDS = {Verdict.EQUAL: "equal", Verdict.DIFFERENT: "different", Verdict.UNKNOWN: "cannot say"}
_STYLES = {Verdict.EQUAL: "bold green", Verdict.DIFFERENT: "bold red", Verdict.UNKNOWN: "bold yellow"}


def verify(
    context: typer.Context,
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="The image: a reference, or oci:FOLDER for an OCI layout on disk.")
    ],
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="A clean checkout of the image's commit.", show_default="the current folder"
        ),
    ] = ".",
    *,
    base: BaseOption = None,
    plain_http: PlainHTTPOption = None,
    index_map: IndexMapOption = None,
    cache: CacheOption = None,
    workers: WorkersOption = None,
    engine: EngineOption = None,
    as_json: JSONOption = False,
) -> None:
    """Verify an image; see HELP."""
    house: House = context.obj
    choice = replace(
        make_choice(cache=cache, plain_http=plain_http, index_map=index_map, workers=workers),
        engine=None if engine is None else engine.value,
    )
    with open_screen("verify", as_json=as_json) as screen:
        if not Path(folder).is_dir():
            _answer_without_folder(screen, house, image, folder, choice=choice)
            return
        opened_folder = open_folder(screen, house, Path(folder), choice=choice, image=None)
        opened = opened_folder.workbench.open_image(image)
        _show_claims(screen, opened)
        doubt = find_source_doubt(opened.claims, opened_folder.source.tree, folder=folder)
        if doubt is not None:
            _show_verification(screen, opened, Verification(verdict=Verdict.UNKNOWN, doubt=doubt))
            return
        made = _make_plan(screen, opened_folder, base or str(pin_base(opened.claims)))
        if made is None:
            screen.exit_code = ExitCode.FINDINGS
            return
        _show_verification(screen, opened, _run(screen, opened_folder, opened, made))


def _answer_without_folder(screen: Screen, house: House, image: str, folder: str, *, choice: WorkbenchChoice) -> None:
    """A repository that is no folder here: say how it becomes one."""
    if folder.startswith(("/", ".")) or "/" not in folder:
        raise typer.BadParameter(f"there is no folder {folder}", param_hint="FOLDER")
    opened = house.open_workbench(choice).open_image(image)
    _show_claims(screen, opened)
    doubt = Doubt(
        reason=f"{folder} is no folder here, and hublish verify fetches no repository",
        hint=render_git_commands(folder, opened.claims, image=image),
    )
    _show_verification(screen, opened, Verification(verdict=Verdict.UNKNOWN, doubt=doubt))


def _make_plan(screen: Screen, opened: OpenedFolder, base: str) -> Plan | None:
    # No byte depends on which of the config's images is meant, so the first one will do.
    first = OpenedFolder(
        workbench=opened.workbench, source=opened.source, config=opened.config, images=opened.images[:1]
    )
    planned = plan_images(screen, first, base=base, read_source=opened.read_text)
    return planned[0].planned.plan if planned else None


def _run(screen: Screen, folder: OpenedFolder, opened: OpenedImage, made: Plan) -> Verification:
    with catch_interrupt(screen) as interrupted, show_progress(screen) as progress:
        return folder.workbench.verify(
            opened, made, folder.source, log=screen.remark, progress=progress, cancelled=interrupted.is_set
        )


def _show_claims(screen: Screen, opened: OpenedImage) -> None:
    claims = opened.claims
    screen.say(f"{opened.reference}", style="bold")
    screen.say("  it says of itself:")
    screen.say(f"  builder   {claims.builder}")
    screen.say(f"  base      {_name_base(claims)}")
    screen.say(f"  commit    {claims.commit or 'none: the source was no clean checkout'}")


def _name_base(claims: Claims) -> str:
    return claims.base_digest if claims.base_name is None else str(pin_base(claims))


def _show_verification(screen: Screen, opened: OpenedImage, found: Verification) -> None:
    screen.result = make_verification_document(opened, found)
    screen.exit_code = _EXIT_CODES[found.verdict]
    for line in _render_differences(found):
        screen.say(line)
    screen.say(f"{_WORDS[found.verdict]}: {_sum_up(opened, found)}", style=_STYLES[found.verdict])
    if found.doubt is not None:
        for line in found.doubt.hint.splitlines():
            screen.say(f"  {line}")


def _sum_up(opened: OpenedImage, found: Verification) -> str:
    if found.doubt is not None:
        return found.doubt.reason
    if found.verdict is Verdict.DIFFERENT:
        layers = len(found.layers) + found.equal_layers
        return f"{len(found.layers)} of {layers} layers and {len(found.config)} keys of the config"
    same = found.rebuilt_digest == opened.reference.digest
    return f"{found.equal_layers} layers and the config; the digest {'is' if same else 'is not'} the same"


def _render_differences(found: Verification) -> Iterator[str]:
    for remark in found.remarks:
        yield f"  note: {remark}"
    for layer in found.layers:
        yield from _render_layer(layer)
    for difference in found.config:
        yield f"  config: {difference.key}"
        yield f"    image    {_or_nothing(difference.image)}"
        yield f"    rebuilt  {_or_nothing(difference.rebuilt)}"


def _render_layer(layer: LayerDifference) -> Iterator[str]:
    yield f"  layer: {layer.title}"
    yield f"    image    {_or_nothing(layer.image)}"
    yield f"    rebuilt  {_or_nothing(layer.rebuilt)}"
    if layer.remark:
        yield f"    {layer.remark}"
    for path in layer.paths:
        kind = "added" if path.rebuilt is None else "missing" if path.image is None else "changed"
        yield f"    {kind:<8} {path.path}"
        if path.image is not None:
            yield f"      image    {path.image}"
        if path.rebuilt is not None:
            yield f"      rebuilt  {path.rebuilt}"
    if layer.more_paths:
        yield f"    and {layer.more_paths} more paths"


def _or_nothing(text: str | None) -> str:
    return "nothing" if text is None else text


def make_verification_document(opened: OpenedImage, found: Verification) -> Mapping[str, object]:
    """Make the JSON object of a verification: the verdict, what the image claims, what differs."""
    claims = opened.claims
    return {
        "verdict": found.verdict.value,
        "image": str(opened.reference),
        "digest": opened.reference.digest,
        "rebuilt_digest": found.rebuilt_digest,
        "claims": {
            "builder": claims.builder,
            "base": _name_base(claims),
            "commit": claims.commit,
        },
        "reason": None if found.doubt is None else found.doubt.reason,
        "hint": None if found.doubt is None else found.doubt.hint,
        "equal_layers": found.equal_layers,
        "layers": [
            {
                "title": layer.title,
                "image": layer.image,
                "rebuilt": layer.rebuilt,
                "remark": layer.remark,
                "paths": [{"path": path.path, "image": path.image, "rebuilt": path.rebuilt} for path in layer.paths],
                "more_paths": layer.more_paths,
            }
            for layer in found.layers
        ],
        "config": [
            {"key": difference.key, "image": difference.image, "rebuilt": difference.rebuilt}
            for difference in found.config
        ],
        "remarks": list(found.remarks),
    }
