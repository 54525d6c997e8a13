"""The model of `.hublish.yaml`: its keys, their types and limits, in the words that become the JSON Schema.

Text is checked by the grammars of `valuetext`; the patterns given here serve editors and say the same for most texts.
The model holds what one key allows; rules between keys, and the way to values, are in `config`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from hublish.core.config import valuetext
from hublish.core.config.values import IMAGES_LIMIT
from hublish.core.trees.yamlmodel import StrictModel, make_validator
from hublish.errors import ValueInvalid

VERSION = 1


def _pattern(text: str) -> Any:
    return Field(json_schema_extra={"pattern": text})


def _verify_version(version: int) -> None:
    if version != VERSION:
        raise ValueInvalid(f"expected {VERSION}, the only version there is, got {version}")


# A Literal would take `true` for 1.
Version = Annotated[int, AfterValidator(make_validator(_verify_version)), Field(json_schema_extra={"const": VERSION})]
ImageName = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_image_name, mend=valuetext.mend_image_name)),
    _pattern(r"^[a-z0-9.:\[\]-]+(/[a-z0-9._-]+)+$"),
]
TagPattern = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_tag_pattern)),
    _pattern(r"^([A-Za-z0-9_]|\{release\})([A-Za-z0-9._-]|\{release\})*$"),
]
BaseName = Annotated[str, AfterValidator(make_validator(valuetext.parse_base)), _pattern(r"^[^\s/]+/[^\s]+[:@][^\s]+$")]
FolderPath = Annotated[
    str, AfterValidator(make_validator(valuetext.parse_relative_path)), _pattern(r"^(?!/)(?!(.*/)?\.\.(/|$))[^\\]+$")
]
FilePath = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_file_path)),
    _pattern(r"^(?!/)(?!(.*/)?\.\.(/|$))[^\\]*[^\\/]$"),
]
LockPath = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_lock_path)),
    _pattern(r"^(?!/)(?!(.*/)?\.\.(/|$))([^\\]*/)?(Pipfile\.lock|pylock(\.[^.\\/]+)?\.toml|[^\\/]+\.txt)$"),
]
SourcePath = Annotated[
    str, AfterValidator(make_validator(valuetext.parse_source_path)), _pattern(r"^/(srv|opt|home)(/[^/\\]+)+/?$")
]
Duration = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_duration, mend=valuetext.mend_duration)),
    _pattern(r"^(?=[0-9])([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$"),
]
Size = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_size, mend=valuetext.mend_size)),
    _pattern(r"^[0-9]{1,9}([kMGT]|[KMGT]i)$"),
]
ScriptsURL = Annotated[str, AfterValidator(make_validator(valuetext.parse_scripts_url)), _pattern(r"^image:///[^ ]*$")]
TeamSlug = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_team, mend=valuetext.mend_slug)),
    _pattern(r"^[a-z0-9][a-z0-9_-]{0,99}$"),
]
HubName = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_hub, mend=valuetext.mend_slug)),
    _pattern(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"),
]
AptPackage = Annotated[
    str,
    AfterValidator(make_validator(valuetext.parse_apt_package)),
    _pattern(r"^[a-z0-9][a-z0-9+.-]{0,126}[a-z0-9+.](=[A-Za-z0-9.+:~-]{1,127})?$"),
]
StageName = Annotated[
    str, AfterValidator(make_validator(valuetext.parse_stage)), _pattern(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")
]
ArgumentValue = Annotated[
    str, AfterValidator(make_validator(valuetext.parse_variable_value)), _pattern(r"^[^\x00-\x08\x0a-\x1f\x7f]*$")
]
UserName = Annotated[
    str, AfterValidator(make_validator(valuetext.parse_user)), _pattern(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")
]
ArgumentName = Annotated[str, AfterValidator(make_validator(valuetext.parse_build_argument))]
StrategyName = Literal["layered", "source", "dockerfile"]
BranchName = Annotated[str, AfterValidator(make_validator(valuetext.parse_branch))]

LabelName = Annotated[str, AfterValidator(make_validator(valuetext.parse_label)), _pattern(r"^(?=.*\S).{1,50}$")]


class ImageModel(StrictModel):
    """One image: where it is pushed and under which tags."""

    name: ImageName = Field(
        description="Registry and repository, without a tag. Counts from the default branch.",
        examples=["registry.example.org/team/ts"],
    )
    tags: list[TagPattern] = Field(
        default=["{release}"],
        min_length=1,
        max_length=20,
        description="Tags to push; {release} stands for the release's git tag.",
    )


class PythonModel(StrictModel):
    """Which packages go into a layered image."""

    lock: LockPath | None = Field(
        default=None,
        description="Path of the lock: Pipfile.lock, pylock.toml or requirements.txt with hashes; without it the first "
        "of these that is there.",
        examples=["Pipfile.lock"],
    )
    dev: bool = Field(default=False, description="Whether the develop group is installed too.")
    environment: Literal["venv", "base"] = Field(
        default="venv", description="A virtual environment, or the site-packages of the base image."
    )


class SystemModel(StrictModel):
    """What comes from the base image's system packages."""

    apt: list[AptPackage] = Field(
        default=[], max_length=200, description="Debian packages, as name or name=version; needs a container engine."
    )


class SourceModel(StrictModel):
    """Where the repository goes."""

    path: SourcePath = Field(
        default="/srv/repo", description="Absolute path of the source in the image, below /srv, /opt or /home."
    )


class DockerfileModel(StrictModel):
    """How the Dockerfile is built."""

    path: FilePath | None = Field(
        default=None, description="The Dockerfile; without it Dockerfile, else Containerfile, in the context."
    )
    context: FolderPath = Field(default=".", description="Folder that COPY sees.")
    target: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$", description="Stage to build."
    )
    args: dict[ArgumentName, ArgumentValue] = Field(
        default={}, max_length=100, description="Build arguments; they end in the image's history, so no secrets."
    )


class S2IModel(StrictModel):
    """How source-to-image assembles the source."""

    scripts_url: ScriptsURL | None = Field(
        default=None, description="image:///path in the builder image; without it the builder's label or .s2i/bin."
    )
    context: FolderPath = Field(default=".", description="Folder that is assembled.")
    environment: dict[ArgumentName, ArgumentValue] = Field(
        default={},
        max_length=100,
        description="Variables of the builder, after those of .s2i/environment; they end in the image, so no secrets.",
    )
    user: UserName | None = Field(
        default=None,
        description="User that runs assemble; without it the builder's label, its user unless root, or 1001.",
    )


class OverlayModel(ImageModel):
    """One of several images; what it says of how it is made counts for it in place of the common keys."""

    strategy: StrategyName | None = Field(default=None, description="As `strategy`, for this image.")
    base: BaseName | None = Field(default=None, description="As `base`, for this image.")
    python: PythonModel | None = Field(default=None, description="As `python`, for this image; the block as a whole.")
    dockerfile: DockerfileModel | None = Field(
        default=None, description="As `dockerfile`, for this image; the block as a whole."
    )
    s2i: S2IModel | None = Field(default=None, description="As `s2i`, for this image; the block as a whole.")


class ResourcesModel(StrictModel):
    """What a notebook needs: a hint that goes into the hub's list."""

    cpu: float | None = Field(default=None, gt=0, le=1024, description="Cores, e.g. 0.5 or 2.")
    memory: Size | None = Field(default=None, description="Main memory, e.g. 8Gi.")
    gpu: int = Field(default=0, ge=0, le=64, description="Number of GPUs.")


class SmokeModel(StrictModel):
    """What is run in the built image."""

    notebooks: FolderPath | None = Field(default=None, description="Folder of notebooks and scripts to run.")
    timeout: Duration = Field(default="5m", description="Limit of all of them together.")


class TriggersModel(StrictModel):
    """What starts a build. Counts from the default branch."""

    release: bool = Field(default=True, description="A published release.")
    prerelease: bool = Field(default=False, description="A published pre-release.")
    tag: bool = Field(default=False, description="A pushed tag; a release published under it answers for both.")
    push: list[BranchName] = Field(
        default=[], max_length=50, description="Branches whose pushes count; * stands for any text without a slash."
    )
    issue: bool = Field(default=True, description='The issue titled "Deliver Container Image".')
    label: LabelName | None = Field(
        default=None,
        description="A label that makes an issue a build issue once somebody puts it on.",
        examples=["build"],
    )
    comment: bool = Field(default=True, description="The comment /build.")
    schedule: bool = Field(
        default=False,
        description="The base image's tag has moved: the last release is built again; a base that is pinned by digest gets a pull "
        "request instead.",
    )
    pull_request: bool = Field(
        default=False,
        description="A pull request and each push to it; its image is built and not pushed. One from a fork waits for "
        "/ok-to-build.",
    )
    pull_request_tag: bool = Field(
        default=False,
        description="What a pull request builds is pushed as pr-<number>, where the operator allows it; never a fork's.",
    )


class ApproversModel(StrictModel):
    """Who may ask for builds beside people with write permission. Counts from the default branch."""

    owners: bool = Field(default=False, description="The approvers of the file OWNERS at the top of the repository.")
    teams: list[TeamSlug] = Field(
        default=[], max_length=10, description="Teams of the organisation that owns the repository, by their slugs."
    )


class LimitsModel(StrictModel):
    """Limits of one build; the operator's own limits count too."""

    time: Duration = Field(default="30m", description="From its start to its end.")
    size: Size = Field(default="4Gi", description="Compressed size of the image.")


class ConfigModel(StrictModel):
    """What hublish builds from this repository, and where it goes."""

    version: Version = Field(description="Version of this format.", examples=[VERSION])
    image: ImageModel | None = Field(default=None, description="The image; give this or `images`.")
    images: list[OverlayModel] | None = Field(
        default=None,
        min_length=1,
        max_length=IMAGES_LIMIT,
        description="Several images (overlays), made by one run; give this or `image`.",
    )
    strategy: StrategyName | None = Field(
        default=None, description="How it is made; without it Dockerfile, else Containerfile, else layered."
    )
    base: BaseName | None = Field(
        default=None, description="Base or builder image; without it the operator's for the lock's Python."
    )
    python: PythonModel = PythonModel()
    system: SystemModel = SystemModel()
    source: SourceModel = SourceModel()
    dockerfile: DockerfileModel | None = Field(default=None)
    s2i: S2IModel | None = Field(default=None)
    resources: ResourcesModel = ResourcesModel()
    smoke: SmokeModel = SmokeModel()
    triggers: TriggersModel = TriggersModel()
    approvers: ApproversModel = ApproversModel()
    hubs: list[HubName] = Field(
        default=[], max_length=20, description="Hubs that list the image. Counts from the default branch."
    )
    limits: LimitsModel = LimitsModel()
