"""A config as the document that `.hublish.yaml` would hold: every key with its value, defaults included, and back to text.

The opposite of reading: `make_document` names all keys, `list_settings` tells which of them a file sets and which are
left to their default. Decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from hublish.core.config.values import Config, DockerfileConfig, ImageConfig, PythonConfig, S2IConfig, Triggers
from hublish.core.trees.yamltree import parse_tree

Plain: TypeAlias = "str | int | float | bool | tuple[str, ...] | tuple[Document, ...] | Document | None"
Document: TypeAlias = dict[str, Plain]

_SIZE_UNITS = (("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10), ("T", 10**12), ("G", 10**9), ("M", 10**6))
_IMAGE_NAME = re.compile(r"image\.name|images\[\d+\]\.name")
_TIME_UNITS = (("h", 3600), ("m", 60), ("s", 1))
_NO_TEXT = {
    "strategy": "by the files present",
    "base": "the operator's for the lock's Python",
    "python.lock": "the one that is there",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One key of a config.

    Attributes:
        key: dotted, list items as `[i]`, e.g. "image.tags".
        value: as text for people; foreign text in it is not yet escaped.
        given: True when the file sets it, False when it is the default.
        line: where the file sets it; None when it does not, or in the old format, which has other keys.
    """

    key: str
    value: str
    given: bool
    line: int | None = None

    @property
    def published(self) -> bool:
        """True when it counts from the default branch."""
        return self.key.startswith(("hubs", "triggers.", "approvers.")) or _IMAGE_NAME.fullmatch(self.key) is not None


def make_document(config: Config) -> Document:
    """Make the document of a config, in the order of the schema; None where a key has no value and no default."""
    images = tuple(_make_image(image) for image in config.images)
    named: Document = {"image": images[0]} if len(images) == 1 else {"images": images}
    return {
        **named,
        "strategy": None if config.strategy is None else config.strategy.value,
        "base": None if config.base is None else str(config.base),
        "python": _make_python(config.python),
        "system": {"apt": config.system_apt},
        "source": {"path": config.source_path},
        **({} if config.dockerfile is None else {"dockerfile": _make_dockerfile(config.dockerfile)}),
        **({} if config.s2i is None else {"s2i": _make_s2i(config.s2i)}),
        "resources": {
            "cpu": config.resources.cpu,
            "memory": None if config.resources.memory_bytes is None else render_size(config.resources.memory_bytes),
            "gpu": config.resources.gpu,
        },
        "smoke": {"notebooks": config.smoke.notebooks, "timeout": render_duration(config.smoke.timeout_seconds)},
        "triggers": _make_triggers(config.triggers),
        "approvers": {"owners": config.approvers.owners, "teams": config.approvers.teams},
        "hubs": config.hubs,
        "limits": {"time": render_duration(config.limits.time_seconds), "size": render_size(config.limits.size_bytes)},
    }


def list_settings(config: Config, body: bytes) -> tuple[Setting, ...]:
    """List every key of a config with its value, in the order of the schema.

    Args:
        config: what was read.
        body: the file it was read from. In the old format a key counts as set when its value is not the default.
    """
    values = dict(_flatten(make_document(config)))
    lines = _find_lines(config, body, values)
    settings = []
    for key, value in values.items():
        text = _NO_TEXT.get(key) if value is None else _render(value)
        if text is not None:
            settings.append(Setting(key=key, value=text, given=key in lines, line=lines.get(key)))
    return tuple(settings)


def render_duration(seconds: int) -> str:
    """Render a duration as the config writes it, e.g. 30m or 1h30m; `parse_duration` reads it back."""
    parts = []
    for unit, size in _TIME_UNITS:
        count, seconds = divmod(seconds, size)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts)


def render_size(size_bytes: int) -> str:
    """Render a size as the config writes it, in the unit that gives the smallest whole number, e.g. 4Gi.

    `parse_size` reads it back; it makes no size that is not a multiple of 1000 or 1024.
    """
    counts = ((size_bytes // size, unit) for unit, size in _SIZE_UNITS if size_bytes % size == 0)
    count, unit = min(counts, default=(size_bytes // 1000, "k"))
    return f"{count}{unit}"


def _find_lines(config: Config, body: bytes, values: Mapping[str, Plain]) -> dict[str, int | None]:
    """The keys that the file sets, with their line where it has one."""
    if config.legacy:
        plain = Config(path=config.path, legacy=True, images=config.images, triggers=config.triggers)
        usual = {key: value for key, value in _flatten(make_document(plain)) if not key.startswith("image")}
        return dict.fromkeys(key for key, value in values.items() if key not in usual or usual[key] != value)
    tree = parse_tree(body, path=config.path).tree
    if tree is None:
        return {}
    given = dict(_walk(tree.value, ()))
    return {key: tree.key_places[given[key]].line for key in values if key in given}


def _walk(value: Any, path: tuple[str | int, ...], name: str = "") -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Dotted key and path of every mapping item of a tree, those in lists of mappings too."""
    if isinstance(value, dict):
        for key, item in value.items():
            dotted = f"{name}.{key}" if name else key
            yield dotted, (*path, key)
            yield from _walk(item, (*path, key), dotted)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index), f"{name}[{index}]")


def _flatten(document: Document, name: str = "") -> Iterator[tuple[str, Plain]]:
    for key, value in document.items():
        dotted = f"{name}.{key}" if name else key
        if isinstance(value, dict):
            yield from _flatten(value, dotted)
        elif isinstance(value, tuple) and (items := [item for item in value if isinstance(item, dict)]):
            for index, item in enumerate(items):
                yield from _flatten(item, f"{dotted}[{index}]")
        else:
            yield dotted, value


def _render(value: Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _make_image(image: ImageConfig) -> Document:
    own: Document = {"name": image.reference.name, "tags": image.tags}
    if image.strategy is not None:
        own["strategy"] = image.strategy.value
    if image.base is not None:
        own["base"] = str(image.base)
    if image.python is not None:
        own["python"] = _make_python(image.python)
    if image.dockerfile is not None:
        own["dockerfile"] = _make_dockerfile(image.dockerfile)
    if image.s2i is not None:
        own["s2i"] = _make_s2i(image.s2i)
    return own


def _make_python(block: PythonConfig) -> Document:
    return {"lock": block.lock, "dev": block.dev, "environment": block.environment.value}


def _make_dockerfile(block: DockerfileConfig) -> Document:
    args: Document = dict(block.args)
    return {"path": block.path, "context": block.context, "target": block.target, "args": args}


def _make_s2i(block: S2IConfig) -> Document:
    environment: Document = dict(block.environment)
    return {
        "scripts_url": block.scripts_url,
        "context": block.context,
        "environment": environment,
        "user": block.user,
    }


def _make_triggers(triggers: Triggers) -> Document:
    return {
        "release": triggers.release,
        "prerelease": triggers.prerelease,
        "tag": triggers.tag,
        "push": triggers.push,
        "issue": triggers.issue,
        "label": triggers.label,
        "comment": triggers.comment,
        "schedule": triggers.schedule,
        "pull_request": triggers.pull_request,
        "pull_request_tag": triggers.pull_request_tag,
    }
