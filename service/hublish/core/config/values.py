"""The config of a repository as values: what both file formats are read into and every other room works with.

Nothing here knows YAML. Units are in the names; paths in the repository are relative POSIX paths without `..`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hublish.core.finding import Finding
from hublish.core.plan import Environment, Strategy
from hublish.core.reference import Reference

IMAGES_LIMIT = 20
"""Images that one repository makes in one run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonConfig:
    """Which packages go in, and where.

    Attributes:
        lock: path of the lock; None for the one that is there (see `lock_choice`).
        dev: True installs the develop group too.
        environment: a virtual environment, or the base's own site-packages.
    """

    lock: str | None = None
    dev: bool = False
    environment: Environment = Environment.VENV


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerfileConfig:
    """How the Dockerfile is built.

    Attributes:
        path: path of the Dockerfile in the repository; None for Dockerfile, else Containerfile, in `context`.
        context: folder in the repository that COPY sees; "." for its root.
        target: stage to build; None for the last one.
        args: build arguments `(name, value)`, sorted by name; never secret.
    """

    path: str | None = None
    context: str = "."
    target: str | None = None
    args: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class S2IConfig:
    """How source-to-image assembles the source.

    Attributes:
        scripts_url: `image://` and a folder of scripts; None for the builder's label or `.s2i/bin`.
        context: folder in the repository that is assembled; "." for its root.
        environment: variables `(name, value)`, sorted by name, that come after those of `.s2i/environment`.
        user: who runs `assemble`; None for the builder's own.
    """

    scripts_url: str | None = None
    context: str = "."
    environment: tuple[tuple[str, str], ...] = ()
    user: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageConfig:
    """One image a repository publishes.

    Attributes:
        reference: registry and repository, without tag and digest.
        tags: at least one; "{release}" stands for the release's git tag.
        strategy: of this image alone; None, here and below, for what the config says for all.
        base: likewise.
        python: likewise.
        dockerfile: likewise.
        s2i: likewise.
    """

    reference: Reference
    tags: tuple[str, ...]
    strategy: Strategy | None = None
    base: Reference | None = None
    python: PythonConfig | None = None
    dockerfile: DockerfileConfig | None = None
    s2i: S2IConfig | None = None

    @property
    def title(self) -> str:
        """The last part of the repository, by which people call the image."""
        return self.reference.repository.rsplit("/", 1)[-1]

    def with_settings(self, config: Config) -> ImageConfig:
        """The image with what a config says of strategy and contents; `Config.for_image` is the way back."""
        return replace(
            self,
            strategy=config.strategy,
            base=config.base,
            python=config.python,
            dockerfile=config.dockerfile,
            s2i=config.s2i,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a notebook needs: a hint for the hub's list, no limit of the build. None where nothing is said.

    Attributes:
        cpu: cores, above 0.
        memory_bytes: main memory.
        gpu: number of GPUs.
    """

    cpu: float | None = None
    memory_bytes: int | None = None
    gpu: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """What is run in a built image.

    Attributes:
        notebooks: folder of notebooks and scripts in the repository; None for none.
        timeout_seconds: limit of all of them together.
    """

    notebooks: str | None = None
    timeout_seconds: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggers:
    """What starts a build.

    Attributes:
        release: a published release.
        prerelease: a published release that is marked as a pre-release.
        tag: a pushed tag.
        push: names of branches (`*` for any text without a slash) whose pushes count.
        issue: the issue titled "Deliver Container Image".
        label: name of the label that makes an issue a build issue, in any case; None for none.
        comment: the comment `/build`.
        schedule: the tag of a base image that has moved.
        pull_request: a pull request, and each push to it.
        pull_request_tag: what a pull request builds gets the tag `pr-<number>`, where the operator allows it.
    """

    release: bool = True
    prerelease: bool = False
    tag: bool = False
    push: tuple[str, ...] = ()
    issue: bool = True
    label: str | None = None
    comment: bool = True
    schedule: bool = False
    pull_request: bool = False
    pull_request_tag: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvers:
    """Who may ask for builds beside people with write permission.

    Attributes:
        owners: the approvers of the file OWNERS at the top of the default branch.
        teams: slugs of teams of the organisation that owns the repository.
    """

    owners: bool = False
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of one build.

    Attributes:
        time_seconds: from its start to its end.
        size_bytes: compressed size of the image.
    """

    time_seconds: int = 1800
    size_bytes: int = 4 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a repository asks for.

    Attributes:
        path: the file it was read from.
        legacy: True for `.aicoe-ci.yaml`, which orders strategies as its old service did.
        images: at least one, no two with the same reference or title.
        strategy: None when it is chosen by the files present.
        base: base (layered) or builder (source) image; None for the operator's default.
        python: packages of the layered strategy.
        system_apt: Debian packages, as `name` or `name=version`.
        source_path: absolute path of the source in the image.
        dockerfile: None when the file says nothing about it.
        s2i: None when the file says nothing about it.
        resources: what a notebook needs.
        smoke: what is run in a built image.
        triggers: what starts a build.
        approvers: who may ask for one beside people with write permission.
        hubs: names of the operator's hubs, in the order of the file.
        limits: of one build.
        deploys: repositories, as `owner/name`, whose hubs are meant too; only the old format names hubs so.
    """

    path: str
    legacy: bool
    images: tuple[ImageConfig, ...]
    strategy: Strategy | None = None
    base: Reference | None = None
    python: PythonConfig = PythonConfig()
    system_apt: tuple[str, ...] = ()
    source_path: str = "/srv/repo"
    dockerfile: DockerfileConfig | None = None
    s2i: S2IConfig | None = None
    resources: Resources = Resources()
    smoke: Smoke = Smoke()
    triggers: Triggers = Triggers()
    approvers: Approvers = Approvers()
    hubs: tuple[str, ...] = ()
    limits: Limits = Limits()
    deploys: tuple[str, ...] = ()

    def for_image(self, image: ImageConfig) -> Config:
        """The config as it counts for one of its images: what the image says of itself in place of the common keys."""
        return replace(
            self,
            strategy=self.strategy if image.strategy is None else image.strategy,
            base=self.base if image.base is None else image.base,
            python=self.python if image.python is None else image.python,
            dockerfile=self.dockerfile if image.dockerfile is None else image.dockerfile,
            s2i=self.s2i if image.s2i is None else image.s2i,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedConfig:
    """What came of a config file: `config` is None if and only if one of the findings is an error.

    `findings` are sorted by their place in the file.
    """

    config: Config | None
    findings: tuple[Finding, ...]


def merge_configs(publish: Config, at_commit: Config | None) -> Config:
    """The config that counts: names, hubs, triggers and approvers of the default branch, the rest as at the commit."""
    if at_commit is None:
        return publish
    own = {image.title: image for image in at_commit.images}
    if len(own) == len(publish.images) and own.keys() != {image.title for image in publish.images}:
        # Images that have another name on the default branch meanwhile are told by their order.
        own = dict(zip((image.title for image in publish.images), at_commit.images, strict=True))
    images = tuple(replace(own.get(image.title, image), reference=image.reference) for image in publish.images)
    return replace(
        at_commit,
        images=images,
        hubs=publish.hubs,
        triggers=publish.triggers,
        approvers=publish.approvers,
        deploys=publish.deploys,
    )
