"""Plans and builds for engines that run containers: source-to-image and Dockerfiles come to the same values here.

A plan holds the text that is executed, with every image pinned; a build adds the files of the context, which follow
from plan and source tree alone, so that every engine builds the same from the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import BinaryIO

from hublish.builders.baseimage.image import read_base_image
from hublish.builders.dockerfile.ignore import choose_ignore_file, find_hidden, parse_ignore_file
from hublish.builders.dockerfile.pinning import render_pinned, resolve_images
from hublish.builders.dockerfile.stages import DockerfileInputs, read_dockerfile
from hublish.builders.s2i.assembling import S2IInputs, plan_s2i
from hublish.builders.s2i.context import make_s2i_context
from hublish.builders.sourcefiles import read_source_file, resolve_file
from hublish.core.config.file import Config, DockerfileConfig, ImageConfig, S2IConfig
from hublish.core.container import BasePin, ContainerBuild, ContainerPlan, ContextFile
from hublish.core.finding import Finding, Severity, has_error
from hublish.core.plan import Environment, Plan, Strategy, Trust
from hublish.core.ports import ImageReader, Source
from hublish.core.reference import Reference
from hublish.core.source import SourceTree
from hublish.core.strategy import find_dockerfile
from hublish.errors import BuildFailed, SourceMissing, clip

DOCKERFILE_LIMIT_BYTES = 256 * 1024
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedContainer:
    """What planning came to; `container` is None exactly when a finding is an error.

    Attributes:
        container: the part of the plan that the engine needs.
        base: the builder image, pinned; None for a Dockerfile, whose images are in `container`.
        findings: faults and remarks.
    """

    container: ContainerPlan | None
    base: Reference | None
    findings: tuple[Finding, ...]


def plan_dockerfile(source: Source, config: Config, *, images: ImageReader, platform: str) -> PlannedContainer:
    """Plan the build of a Dockerfile.

    Raises:
        RegistryFailed: a registry failed in a way that may pass.
        SourceInvalid: an ignore file is larger than any parser takes.
    """
    block = config.dockerfile or DockerfileConfig()
    path = find_dockerfile(config, source.tree.paths)
    text, findings = _read_dockerfile(source, path)
    if text is None:
        return PlannedContainer(container=None, base=None, findings=findings)
    read = read_dockerfile(
        DockerfileInputs(
            text=text, path=path, args=block.args, target=block.target, platform=platform, config_path=config.path
        )
    )
    findings = (*read.findings, *_check_context(source, path, block.context))
    pins, more = resolve_images(read.uses, images=images, platform=platform, path=path)
    findings += more
    if has_error(findings):
        return PlannedContainer(container=None, base=None, findings=findings)
    container = ContainerPlan(
        dockerfile_text=render_pinned(text, read.uses, pins),
        context=block.context,
        target=block.target,
        args=block.args,
        secrets=read.secrets,
        bases=pins,
    )
    return PlannedContainer(container=container, base=None, findings=findings)


def plan_source(
    source: Source, config: Config, image: ImageConfig, *, images: ImageReader, platform: str
) -> PlannedContainer:
    """Plan a source-to-image build.

    Raises:
        BaseUnsupported, ImageInvalid: the builder image cannot be used.
        RegistryFailed: it cannot be read.
        SourceInvalid: a file that is read is larger than any parser takes.
    """
    if config.base is None:
        return PlannedContainer(container=None, base=None, findings=(_miss_builder(config),))
    builder = read_base_image(images, config.base, platform=platform)
    pinned = config.base.with_digest(builder.named_digest)
    inputs = S2IInputs(
        source=source,
        config=config,
        options=config.s2i or S2IConfig(),
        image=image,
        builder=pinned,
        spec=builder.spec,
    )
    text, own_scripts, findings = plan_s2i(inputs)
    if text is None:
        return PlannedContainer(container=None, base=None, findings=findings)
    container = ContainerPlan(
        dockerfile_text=text,
        context=inputs.options.context,
        bases=(BasePin(name=str(config.base), image=pinned),),
        own_scripts=own_scripts,
    )
    return PlannedContainer(
        container=container, base=replace(config.base, digest=builder.named_digest), findings=findings
    )


def make_container_build(plan: Plan, source: Source) -> ContainerBuild:
    """Make what an engine executes.

    Args:
        plan: of the strategy source or dockerfile.
        source: the tree the plan was made from.

    Raises:
        BuildFailed: the plan is one of layers.
        SourceInvalid: an ignore file cannot be read.
    """
    container = plan.container
    if container is None:
        raise BuildFailed(f"expected a plan for a container engine, got one of the strategy {plan.strategy.value}")
    if plan.strategy is Strategy.SOURCE:
        context, _ = make_s2i_context(source, folder=container.context, own_scripts=container.own_scripts)
        files, folders = context.files, context.folders
    else:
        files, folders = _list_context(source, container.context, dockerfile=plan.dockerfile or ""), ()
    return ContainerBuild(
        dockerfile_text=container.dockerfile_text,
        files=files,
        folders=folders,
        target=container.target,
        args=container.args,
        secrets=container.secrets,
        bases=container.bases,
        platform=plan.platform,
        created_at=plan.created_at,
        time_seconds=plan.time_seconds,
        size_bytes=plan.size_bytes,
    )


def _read_dockerfile(source: Source, path: str) -> tuple[str | None, tuple[Finding, ...]]:
    file = resolve_file({file.path: file for file in source.tree.files}, path)
    if file is None:
        hint = "commit it, or name another in `dockerfile.path`"
        return None, (_fault("DockerfileMissing", f"`{clip(path)}` is missing", path, hint),)
    if file.size_bytes > DOCKERFILE_LIMIT_BYTES:
        message = f"the file has {file.size_bytes} bytes; at most {DOCKERFILE_LIMIT_BYTES} are read"
        return None, (_fault("FileTooLarge", message, path),)
    try:
        return read_source_file(source, file.path).decode(), ()
    except UnicodeDecodeError as error:
        return None, (_fault("NotUTF8", f"the file is not UTF-8 at byte {error.start}", path),)


def _check_context(source: Source, dockerfile: str, context: str) -> tuple[Finding, ...]:
    prefix = _make_prefix(context)
    if not any(path.startswith(prefix) for path in source.tree.paths):
        return (_fault("ContextMissing", f"there is no file in the context folder {clip(context)}", context),)
    ignore = choose_ignore_file(source.tree.paths, dockerfile=dockerfile, prefix=prefix)
    body = None if ignore is None else _read_if_file(source, ignore)
    return () if ignore is None or body is None else parse_ignore_file(body, path=ignore)[1]


def _list_context(source: Source, context: str, *, dockerfile: str) -> tuple[ContextFile, ...]:
    prefix = _make_prefix(context)
    inside = {file.path.removeprefix(prefix): file for file in source.tree.files if file.path.startswith(prefix)}
    ignore = choose_ignore_file(source.tree.paths, dockerfile=dockerfile, prefix=prefix)
    body = None if ignore is None else _read_if_file(source, ignore)
    patterns, _ = ((), ()) if ignore is None or body is None else parse_ignore_file(body, path=ignore)
    hidden = find_hidden(patterns, inside)
    return tuple(
        ContextFile(path=path, source=None if file.link is not None else file.path, mode=file.mode, link=file.link)
        for path, file in inside.items()
        if path not in hidden
    )


def _read_if_file(source: Source, path: str) -> bytes | None:
    file = resolve_file({file.path: file for file in source.tree.files}, path)
    return None if file is None else read_source_file(source, file.path)


def _make_prefix(context: str) -> str:
    return "" if context == "." else context + "/"


def _miss_builder(config: Config) -> Finding:
    key = "base-image" if config.legacy else "base"
    message = "source-to-image needs a builder image, and the config names none"
    return _fault("BaseMissing", message, config.path, f"add `{key}: registry.example.org/builders/notebook:1.0`")


def _fault(code: str, message: str, path: str, hint: str = "") -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message, hint=hint, path=path)


def make_bare_plan(text: str, *, base: Reference, platform: str, builder: str, seconds: int, size_bytes: int) -> Plan:
    """Make the plan of a Dockerfile that stands on one base and belongs to no source tree.

    Args:
        text: the Dockerfile, its base pinned.
        base: that base, pinned by digest, no tag.
        platform: `os/architecture`.
        builder: who made the Dockerfile.
        seconds: longest build.
        size_bytes: largest result.
    """
    return Plan(
        strategy=Strategy.DOCKERFILE, reason="", ignored=(), builder=builder, base=None, platform=platform,
        python_full_version=None, environment=Environment.BASE, packages=(), indexes=(), bytecode=False, source_name="",
        source_path="", source_digest="", commit=None, created_at=_EPOCH, time_seconds=seconds, size_bytes=size_bytes,
        source_repo_id=0, target_repository="", trust=Trust.OWNER,
        container=ContainerPlan(dockerfile_text=text, context=".", bases=(BasePin(name=str(base), image=base),)),
    )  # fmt: skip


class NoFiles:
    """The source tree of a build that needs none."""

    tree = SourceTree(name="base", commit=None, committed_at=None, files=())

    def open(self, path: str) -> BinaryIO:
        """There is nothing to open."""
        raise SourceMissing(f"there is no {clip(path)}")
