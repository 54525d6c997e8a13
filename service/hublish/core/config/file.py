"""The config of a repository: `.hublish.yaml`, or `.aicoe-ci.yaml` as its old service read it, parsed into values.

The public door of the config: it picks the reader by the file's name, turns the model into values, makes tags and the
JSON Schema. Every fault of a file comes back at once as a finding; nothing is raised and nothing is guessed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hublish.core.config.values import (
    Approvers,
    Config,
    DockerfileConfig,
    ImageConfig,
    Limits,
    ParsedConfig,
    PythonConfig,
    Resources,
    S2IConfig,
    Smoke,
    Triggers,
)
from hublish.core.config.valuetext import (
    RELEASE_PLACEHOLDER,
    parse_base,
    parse_duration,
    parse_file_path,
    parse_image_name,
    parse_lock_path,
    parse_relative_path,
    parse_size,
    parse_source_path,
)
from hublish.core.finding import Finding, Severity, has_error
from hublish.core.plan import Environment, Strategy
from hublish.core.reference import is_tag
from hublish.errors import ValueInvalid, clip

if TYPE_CHECKING:
    from hublish.core.config.model import (
        ConfigModel,
        DockerfileModel,
        ImageModel,
        OverlayModel,
        PythonModel,
        S2IModel,
    )
    from hublish.core.trees.yamltree import Tree

__all__ = [
    "CONFIG_PATHS",
    "MISNAMED_PATH",
    "NEAR_NAMES",
    "Approvers",
    "Config",
    "DockerfileConfig",
    "ImageConfig",
    "Limits",
    "ParsedConfig",
    "PythonConfig",
    "Resources",
    "S2IConfig",
    "Smoke",
    "Triggers",
    "check_config_names",
    "choose_config_path",
    "make_json_schema",
    "make_tags",
    "parse_config",
]

CONFIG_PATH = ".hublish.yaml"
LEGACY_PATH = ".aicoe-ci.yaml"
CONFIG_PATHS = (CONFIG_PATH, LEGACY_PATH)
MISNAMED_PATH = ".hublish.yml"
"""The wrong name that people give a config most often."""
NEAR_NAMES = {
    MISNAMED_PATH: CONFIG_PATH,
    "hublish.yaml": CONFIG_PATH,
    "hublish.yml": CONFIG_PATH,
    ".aicoe-ci.yml": LEGACY_PATH,
    "aicoe-ci.yaml": LEGACY_PATH,
    "aicoe-ci.yml": LEGACY_PATH,
}


def choose_config_path(paths: frozenset[str]) -> str | None:
    """Choose the config file among the paths of a tree: the first of CONFIG_PATHS that is there, else None."""
    return next((path for path in CONFIG_PATHS if path in paths), None)


def check_config_names(paths: frozenset[str]) -> tuple[Finding, ...]:
    """Check a tree for files that are a config by all but their name; each is a warning that names the right one."""
    return tuple(
        Finding(
            severity=Severity.WARNING,
            code="WrongFileName",
            message=f"`{path}` is not read; the config file is called `{right}`",
            hint=f"rename it: `git mv {path} {right}`",
            path=path,
        )
        for path, right in sorted(NEAR_NAMES.items())
        if path in paths and right not in paths
    )


def parse_config(body: bytes, *, path: str, repository_name: str | None = None) -> ParsedConfig:
    """Parse a config file.

    Args:
        body: the file's bytes.
        path: its path in the repository; a name that ends in `aicoe-ci.yaml` is read in the old format.
        repository_name: name of the repository without owner, the old format's default for the image; None when unknown.

    Returns:
        The config, or None with at least one error; all findings sorted by place.
    """
    # Here, because a folder without a config must wait for no reader of one.
    from hublish.core.trees.yamltree import parse_tree  # noqa: PLC0415  # start-up time

    parsed = parse_tree(body, path=path)
    tree = parsed.tree
    if tree is None:
        return ParsedConfig(config=None, findings=parsed.findings)
    config: Config | None
    if path.endswith(LEGACY_PATH.removeprefix(".")):
        from hublish.core.config.legacy import parse_legacy_config  # noqa: PLC0415  # start-up time

        config, more = parse_legacy_config(tree, repository_name=repository_name)
    else:
        config, more = _parse_own_config(tree, path=path)
    findings = tuple(sorted((*parsed.findings, *more), key=_order))
    return ParsedConfig(config=None if has_error(findings) else config, findings=findings)


def _parse_own_config(tree: Tree, *, path: str) -> tuple[Config | None, tuple[Finding, ...]]:
    """The config of the keys that have no fault, and every finding; its caller drops it where one is an error."""
    from hublish.core.config.model import ConfigModel  # noqa: PLC0415  # start-up time
    from hublish.core.config.rules import check_image_choice, check_rules, judges_rest  # noqa: PLC0415  # start-up time
    from hublish.core.trees.yamlmodel import parse_model  # noqa: PLC0415  # start-up time

    filled = parse_model(tree, ConfigModel)
    choice = check_image_choice(tree)
    more = (*filled.findings, *choice)
    if filled.rest is None or not judges_rest(filled.left_out) or has_error(choice):
        return None, more
    config = _make_config(filled.rest, path=path)
    return config, (*more, *check_rules(tree, config))


def make_tags(image: ImageConfig, *, release: str) -> tuple[str, ...]:
    """Make the tags to push for a release: one for each of the image's tags, in their order.

    Raises:
        ValueInvalid: the release's git tag makes a text that no registry takes as a tag (e.g. it holds `/` or `+`).
    """
    tags = tuple(tag.replace(RELEASE_PLACEHOLDER, release) for tag in image.tags)
    for tag in tags:
        if not is_tag(tag):
            hint = "rename the git tag to letters, digits, `_`, `.` and `-`, or write `tags` without {release}"
            raise ValueInvalid(f'the release "{clip(release)}" makes "{clip(tag)}", which is no image tag', hint=hint)
    return tags


def make_json_schema() -> dict[str, Any]:
    """Make the JSON Schema (draft 2020-12) of `.hublish.yaml` from the model; keys in the model's order."""
    from hublish.core.config.model import ConfigModel  # noqa: PLC0415  # start-up time

    schema = ConfigModel.model_json_schema()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": CONFIG_PATH,
        "oneOf": [{"required": ["image"]}, {"required": ["images"]}],
    }
    without_null: dict[str, Any] = _simplify(schema)
    return {**head, **{key: value for key, value in without_null.items() if key not in head}}


def _simplify(node: Any) -> Any:
    # A key without a value is refused, so the schema must not offer null where the model says "or None".
    if isinstance(node, list):
        return [_simplify(item) for item in node]
    if not isinstance(node, dict):
        return node
    # pydantic titles every field by its own name, which says nothing and no file has a key `title`.
    noise = {"title"} | ({"default"} if node.get("default") is None else set())
    plain = {key: _simplify(value) for key, value in node.items() if key not in noise}
    choices = [choice for choice in plain.pop("anyOf", []) if choice != {"type": "null"}]
    return {**(choices[0] if choices else {}), **plain}


def _order(finding: Finding) -> tuple[int, int, str, str]:
    return (finding.line or 0, finding.column or 0, finding.code, finding.message)


def _make_config(model: ConfigModel, *, path: str) -> Config:
    images = (
        [_make_image(model.image)] if model.image is not None else [_make_overlay(item) for item in model.images or []]
    )
    triggers = model.triggers
    return Config(
        path=path,
        legacy=False,
        images=tuple(images),
        strategy=None if model.strategy is None else Strategy(model.strategy),
        base=None if model.base is None else parse_base(model.base),
        python=_make_python(model.python),
        system_apt=tuple(model.system.apt),
        source_path=parse_source_path(model.source.path),
        dockerfile=None if model.dockerfile is None else _make_dockerfile(model.dockerfile),
        s2i=None if model.s2i is None else _make_s2i(model.s2i),
        resources=_make_resources(model),
        smoke=_make_smoke(model),
        triggers=Triggers(
            release=triggers.release,
            prerelease=triggers.prerelease,
            tag=triggers.tag,
            push=tuple(triggers.push),
            issue=triggers.issue,
            label=triggers.label,
            comment=triggers.comment,
            schedule=triggers.schedule,
            pull_request=triggers.pull_request,
            pull_request_tag=triggers.pull_request_tag,
        ),
        approvers=Approvers(owners=model.approvers.owners, teams=tuple(dict.fromkeys(model.approvers.teams))),
        hubs=tuple(dict.fromkeys(model.hubs)),
        limits=Limits(time_seconds=parse_duration(model.limits.time), size_bytes=parse_size(model.limits.size)),
    )


def _make_image(image: ImageModel) -> ImageConfig:
    return ImageConfig(reference=parse_image_name(image.name), tags=tuple(dict.fromkeys(image.tags)))


def _make_overlay(image: OverlayModel) -> ImageConfig:
    return replace(
        _make_image(image),
        strategy=None if image.strategy is None else Strategy(image.strategy),
        base=None if image.base is None else parse_base(image.base),
        python=None if image.python is None else _make_python(image.python),
        dockerfile=None if image.dockerfile is None else _make_dockerfile(image.dockerfile),
        s2i=None if image.s2i is None else _make_s2i(image.s2i),
    )


def _make_python(model: PythonModel) -> PythonConfig:
    return PythonConfig(
        lock=None if model.lock is None else parse_lock_path(model.lock),
        dev=model.dev,
        environment=Environment(model.environment),
    )


def _make_dockerfile(dockerfile: DockerfileModel) -> DockerfileConfig:
    return DockerfileConfig(
        path=None if dockerfile.path is None else parse_file_path(dockerfile.path),
        context=parse_relative_path(dockerfile.context),
        target=dockerfile.target,
        args=tuple(sorted(dockerfile.args.items())),
    )


def _make_s2i(model: S2IModel) -> S2IConfig:
    return S2IConfig(
        scripts_url=model.scripts_url,
        context=parse_relative_path(model.context),
        environment=tuple(sorted(model.environment.items())),
        user=model.user,
    )


def _make_resources(model: ConfigModel) -> Resources:
    memory = model.resources.memory
    return Resources(
        cpu=model.resources.cpu,
        memory_bytes=None if memory is None else parse_size(memory),
        gpu=model.resources.gpu,
    )


def _make_smoke(model: ConfigModel) -> Smoke:
    notebooks = model.smoke.notebooks
    return Smoke(
        notebooks=None if notebooks is None else parse_relative_path(notebooks),
        timeout_seconds=parse_duration(model.smoke.timeout),
    )
