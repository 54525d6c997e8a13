"""A folder on this machine as `plan` and `build` see it: its source, its config or honest defaults, one image's plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hublish.cli.house import WorkbenchChoice
from hublish.core.config.file import CONFIG_PATHS, Config, ImageConfig, ParsedConfig, check_config_names
from hublish.core.config.valuetext import parse_image_name
from hublish.errors import clip

if TYPE_CHECKING:
    from hublish.builders.planning.planner import Planned
    from hublish.cli.house import House, Workbench
    from hublish.cli.screen import Screen
    from hublish.core.ports import Source

DEFAULT_REGISTRY = "localhost"
FALLBACK_NAME = "image"
# The defaults of `.hublish.yaml`.
DEFAULT_TAGS = ("{release}",)
EXCERPT_LIMIT_BYTES = 1 << 20


class EngineChoice(Enum):
    """Container engines of this machine."""

    BUILDAH = "buildah"
    DOCKER = "docker"


def default_cache() -> Path:
    """The cache folder of a user who names none."""
    return Path.home() / ".cache" / "hublish"


FolderArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER",
        exists=True,
        file_okay=False,
        help="Folder of the repository.",
        show_default="the current folder",
    ),
]
ImageOption = Annotated[
    str | None, typer.Option("--image", metavar="NAME", help="Which image, where the config names several.")
]
BaseOption = Annotated[
    str | None,
    typer.Option("--base", metavar="REF", help="Base image: a reference, or oci:FOLDER for an OCI layout on disk."),
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FOLDER",
        envvar="HUBLISH_CACHE",
        help="Where wheels and layers are kept between builds.",
        show_default="~/.cache/hublish",
    ),
]
PlainHTTPOption = Annotated[
    list[str] | None,
    typer.Option("--plain-http", metavar="HOST", help="Speak HTTP to this registry or index host. Repeatable."),
]
IndexMapOption = Annotated[
    list[str] | None,
    typer.Option("--index-map", metavar="URL=URL", help="Use another package index than the lock names. Repeatable."),
]
EngineOption = Annotated[
    EngineChoice | None,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        help="What builds in containers (Dockerfiles, source-to-image, packages without a wheel): buildah or docker.",
        show_default="what works here",
    ),
]
SecretOption = Annotated[
    list[str] | None,
    typer.Option("--secret", metavar="ID=FILE", help="Give a RUN --mount=type=secret this file. Repeatable."),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", metavar="N", min=1, help="Processes at work.", show_default="one per core")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedImage:
    """One image of an opened folder, planned."""

    image: ImageConfig
    planned: Planned


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedFolder:
    """An opened folder: the workbench that opened it, its source, its config and the images meant.

    Attributes:
        workbench: where it is planned and built.
        source: the folder's tree.
        config: as the file says, or the defaults.
        images: those that were asked for; empty when the config has errors.
    """

    workbench: Workbench
    source: Source
    config: Config | None
    images: tuple[ImageConfig, ...]

    def read_text(self, path: str) -> str | None:
        """The text of a file for an excerpt; None when it is none, is too large or is not UTF-8."""
        sizes = {file.path: file.size_bytes for file in self.source.tree.files if file.link is None}
        if sizes.get(path, EXCERPT_LIMIT_BYTES + 1) > EXCERPT_LIMIT_BYTES:
            return None
        with self.source.open(path) as file:
            return file.read().decode(errors="replace")


def make_choice(
    *, cache: Path | None, plain_http: Sequence[str] | None, index_map: Sequence[str] | None, workers: int | None
) -> WorkbenchChoice:
    """Make the workbench's choice from a command's options.

    Raises:
        typer.BadParameter: an entry of `index_map` is not of the form URL=URL.
    """
    return WorkbenchChoice(
        cache=default_cache() if cache is None else cache.absolute(),
        plain_http=frozenset(plain_http or ()),
        index_map=parse_index_map(index_map or ()),
        workers=workers,
    )


def parse_index_map(entries: Sequence[str]) -> Mapping[str, str]:
    """Parse `URL=URL` entries: what the lock names, and what is used instead.

    Raises:
        typer.BadParameter: an entry has another form.
    """
    parsed: dict[str, str] = {}
    for entry in entries:
        # A URL may hold "=" in its query, so the split is at the "=" that a scheme follows.
        match = re.fullmatch(r"(?P<old>https?://\S+?)=(?P<new>https?://\S+)", entry)
        if match is None:
            raise typer.BadParameter(f"expected URL=URL, got {clip(entry)!r}", param_hint="--index-map")
        parsed[match["old"].rstrip("/")] = match["new"].rstrip("/")
    return parsed


def parse_secrets(entries: Sequence[str]) -> Mapping[str, Path]:
    """Parse `ID=FILE` entries.

    Raises:
        typer.BadParameter: an entry has another form, or an id comes twice.
    """
    parsed: dict[str, Path] = {}
    for entry in entries:
        name, equals, path = entry.partition("=")
        if not (name and equals and path):
            raise typer.BadParameter(f"expected ID=FILE, got {clip(name)!r}", param_hint="--secret")
        if name in parsed:
            raise typer.BadParameter(f"{clip(name)} is given twice", param_hint="--secret")
        parsed[name] = Path(path).absolute()
    return parsed


def open_folder(
    screen: Screen, house: House, path: Path, *, choice: WorkbenchChoice, image: str | None
) -> OpenedFolder:
    """Open a folder, read its config and pick the images; findings and defaults are shown.

    Raises:
        typer.BadParameter: `image` names none of the config's images.
    """
    workbench = house.open_workbench(choice)
    source = workbench.open_folder(path)
    name = make_image_name(path.absolute().name)
    if source.tree.paths.isdisjoint(CONFIG_PATHS):
        screen.remark(f"No {CONFIG_PATHS[0]} here: the image is called {name}, the strategy follows the files.")
        parsed = make_default_config(name)
    else:
        parsed = workbench.read_config(source, repository_name=name)
    opened = OpenedFolder(workbench=workbench, source=source, config=parsed.config, images=())
    names = check_config_names(source.tree.paths)
    screen.show_findings((*source.tree.findings, *names, *parsed.findings), read_source=opened.read_text)
    if parsed.config is None:
        return opened
    return OpenedFolder(
        workbench=workbench, source=source, config=parsed.config, images=pick_images(parsed.config, image)
    )


def make_image_name(folder_name: str) -> str:
    """Make an image name from a folder's name: lower case, runs of other characters become one "-"."""
    return re.sub(r"[^a-z0-9]+", "-", folder_name.lower()).strip("-") or FALLBACK_NAME


def make_default_config(name: str) -> ParsedConfig:
    """Make the config of a folder that has none: one image of that name, everything else at its default."""
    image = ImageConfig(reference=parse_image_name(f"{DEFAULT_REGISTRY}/{name}"), tags=DEFAULT_TAGS)
    return ParsedConfig(config=Config(path=CONFIG_PATHS[0], legacy=False, images=(image,)), findings=())


def pick_images(config: Config, name: str | None) -> tuple[ImageConfig, ...]:
    """Pick the images meant by `--image`: by title (last path part) or whole name; all when None.

    Raises:
        typer.BadParameter: there is none of that name.
    """
    if name is None:
        return config.images
    picked = tuple(
        image for image in config.images if name in (image.reference.name, image.reference.name.rsplit("/", 1)[-1])
    )
    if not picked:
        known = ", ".join(image.reference.name for image in config.images)
        raise typer.BadParameter(f"no image is called {clip(name)!r}; the config has {known}", param_hint="--image")
    return picked


def plan_images(
    screen: Screen, opened: OpenedFolder, *, base: str | None, read_source: Callable[[str], str | None]
) -> tuple[PlannedImage, ...]:
    """Plan every image that was picked; findings are shown, each once. Empty when the config has errors."""
    if opened.config is None:
        return ()
    results = tuple(
        PlannedImage(
            image=image,
            planned=opened.workbench.plan(opened.source, opened.config, image, base=base, log=screen.remark),
        )
        for image in opened.images
    )
    findings = dict.fromkeys(finding for result in results for finding in result.planned.findings)
    screen.show_findings(tuple(findings), read_source=read_source)
    return results
