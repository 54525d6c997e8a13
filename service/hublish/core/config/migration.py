"""The old config file carried over into `.hublish.yaml`: what it means today, and in comments what it no longer says.

The result is a config that says the same with nothing left to defaults that differ between the formats. Text in, text
out; no file is read or written here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import yaml

from hublish.core.config.document import Document, Plain, make_document
from hublish.core.config.file import CONFIG_PATH, LEGACY_PATH, parse_config
from hublish.core.config.values import Config, PythonConfig
from hublish.core.config.valuetext import RELEASE_PLACEHOLDER
from hublish.core.finding import Finding
from hublish.core.plan import Strategy
from hublish.core.reference import Reference
from hublish.core.strategy import choose_strategy, list_dockerfile_paths
from hublish.errors import clip

_LINE_LIMIT = 400
_WIDTH = 120
_USUAL_BLOCKS: Document = {
    "dockerfile": {"context": ".", "args": {}},
    "s2i": {"context": ".", "environment": {}},
}
_USUAL_IMAGE: Document = {
    "tags": (RELEASE_PLACEHOLDER,),
    "python": {"dev": False, "environment": "venv"},
    **_USUAL_BLOCKS,
}
_READ_ALIKE = frozenset({"KeySpelling", "DeployRead"})
"""Remarks about what was understood: the new file says it in the right words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What becomes of an old config.

    Attributes:
        text: the new file, ending with a line end; None when the old one has errors.
        findings: of the old file.
    """

    text: str | None
    findings: tuple[Finding, ...]


def migrate_config(body: bytes, *, name: str, repository_name: str | None, has: Callable[[str], bool]) -> Migration:
    """Carry an old config over.

    Args:
        body: the old file's bytes.
        name: how the old file is called, for the first comment.
        repository_name: name of the repository without owner, the old format's default for the image.
        has: tells whether the repository holds a file, by its path; the files present decide a strategy.
    """
    parsed = parse_config(body, path=LEGACY_PATH, repository_name=repository_name)
    if parsed.config is None:
        return Migration(text=None, findings=parsed.findings)
    remarks = [
        f"line {finding.line}: {finding.message}" for finding in parsed.findings if finding.code not in _READ_ALIKE
    ]
    config, changes = _settle_all(parsed.config, has)
    changes += [
        f"`deploy` named {repo}: add the line `hubs: [NAME]`, where NAME is what the operator of your hublish calls the hub "
        "with its list in that repository (ask for it: their settings have it under `hubs`); without that line no hub "
        "lists the image"
        for repo in config.deploys
    ]
    return Migration(text=_render(config, [*remarks, *changes], name=name), findings=parsed.findings)


def _settle_all(config: Config, has: Callable[[str], bool]) -> tuple[Config, list[str]]:
    if len(config.images) == 1:
        return _settle(config, has)
    images, changes = [], []
    for image in config.images:
        settled, more = _settle(config.for_image(image), has)
        changes += [f"{image.title}: {change}" for change in more]
        images.append(image.with_settings(settled))
    return replace(config, images=tuple(images)), changes


def _settle(config: Config, has: Callable[[str], bool]) -> tuple[Config, list[str]]:
    """The config as the new format can say it, and what that changes or drops, in sentences."""
    changes = []
    paths = frozenset(path for path in list_dockerfile_paths(config) if has(path))
    strategy = choose_strategy(config, paths).strategy
    if strategy is Strategy.SOURCE and config.base is None:
        changes.append("source-to-image without a `base-image` never built; the image is made from the locked packages")
        strategy = Strategy.LAYERED
    base = config.base
    if base is not None and base.tag is None and base.digest is None:
        changes.append(f"`base-image` had no tag, which meant {base.name}:latest; better name one that does not move")
        base = base.with_tag("latest")
    if base is not None and strategy is Strategy.DOCKERFILE:
        changes.append(f"`base-image` {base} had no effect: the Dockerfile names its base")
        base = None
    if config.s2i is not None and strategy is not Strategy.SOURCE:
        changes.append("`build-source-script` had no effect without source-to-image")
    if config.python != PythonConfig() and strategy is not Strategy.LAYERED:
        changes.append(f"the overlay's lock {config.python.lock} is not named: only the strategy layered reads it")
    return _keep(config, strategy, base), [clip(change, limit=_LINE_LIMIT) for change in changes]


def _keep(config: Config, strategy: Strategy, base: Reference | None) -> Config:
    """The config with what its strategy reads and no more: anything else would be a warning in the new format."""
    return replace(
        config,
        strategy=strategy,
        base=base,
        python=config.python if strategy is Strategy.LAYERED else PythonConfig(),
        dockerfile=config.dockerfile if strategy is Strategy.DOCKERFILE else None,
        s2i=config.s2i if strategy is Strategy.SOURCE else None,
    )


def _render(config: Config, remarks: list[str], *, name: str) -> str:
    head = [f"# Made by `hublish migrate` from {name}, which is no longer read and can be removed."]
    if remarks:
        head += ["# Not taken over, or changed:", *(f"# - {clip(remark, limit=_LINE_LIMIT)}" for remark in remarks)]
    usual = (
        make_document(Config(path=CONFIG_PATH, legacy=False, images=config.images))
        | {"image": _USUAL_IMAGE}
        | _USUAL_BLOCKS
    )
    changed = {"version": 1, **_drop_usual(make_document(config), usual)}
    text = yaml.safe_dump(changed, sort_keys=False, allow_unicode=True, width=_WIDTH)
    return "\n".join([*head, text])


def _drop_usual(document: Document, usual: Document) -> dict[str, Any]:
    """What differs from the defaults, as plain data."""
    kept: dict[str, Any] = {}
    for key, value in document.items():
        if isinstance(value, tuple) and key == "images":
            kept[key] = [_drop_usual(item, _USUAL_IMAGE) for item in value if isinstance(item, dict)]
            continue
        known = usual.get(key)
        plain = _drop_usual(value, known if isinstance(known, dict) else {}) if isinstance(value, dict) else value
        if plain != known and plain not in (None, {}):
            kept[key] = _make_plain(plain)
    return kept


def _make_plain(value: Plain) -> Any:
    return [_make_plain(item) for item in value] if isinstance(value, tuple) else value
