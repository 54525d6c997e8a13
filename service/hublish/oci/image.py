"""Image configs as values: what a runtime needs to start the image, and what people read in its history.

Source: OCI image-spec v1.1, config.md; Docker image specification v1.2 (the same keys).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hublish.errors import ImageInvalid
from hublish.oci.document import list_objects, parse_document, render_document


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One line of an image's history: what a layer (or, with `empty_layer`, a setting) came from."""

    created: str | None
    created_by: str
    empty_layer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpec:
    """An image config as a value; what is not named here is not carried over from a base.

    Attributes:
        architecture: Go's name, e.g. "amd64".
        os: "linux".
        variant: e.g. "v8"; None when there is none.
        created: RFC 3339 second, or None.
        diff_ids: of the layers, in order.
        history: in order; may be empty.
        environment: `(name, value)` in order.
        entrypoint: argument list; () for none.
        command: argument list; () for none.
        user: as written in the config; "" for none.
        working_directory: "" for none.
        labels: sorted by name.
        exposed_ports: e.g. ("8080/tcp",), sorted.
        volumes: paths, sorted.
        stop_signal: None for the runtime's default.
        on_build: Docker's instructions for builds on top of the image; read only, never written.
    """

    architecture: str
    os: str
    variant: str | None
    created: str | None
    diff_ids: tuple[str, ...]
    history: tuple[HistoryEntry, ...]
    environment: tuple[tuple[str, str], ...]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    working_directory: str
    labels: tuple[tuple[str, str], ...]
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    stop_signal: str | None = None
    on_build: tuple[str, ...] = ()


def parse_spec(body: bytes) -> ImageSpec:
    """Parse an image config, OCI or Docker.

    Raises:
        ImageInvalid: broken shape; the message names the key.
    """
    document = parse_document(body, what="image config")
    settings = document.get("config") or {}
    rootfs = document.get("rootfs")
    if not isinstance(settings, dict) or not isinstance(rootfs, dict):
        raise ImageInvalid("image config: expected objects under 'config' and 'rootfs'")
    labels = settings.get("Labels") or {}
    if not isinstance(labels, dict):
        raise ImageInvalid("image config: expected an object under 'Labels'")
    return ImageSpec(
        architecture=_text(document, "architecture"),
        os=_text(document, "os"),
        variant=_text(document, "variant") or None,
        created=_text(document, "created") or None,
        diff_ids=_texts(rootfs, "diff_ids"),
        history=_parse_history(document),
        environment=tuple((name, value) for name, _, value in (e.partition("=") for e in _texts(settings, "Env"))),
        entrypoint=_texts(settings, "Entrypoint"),
        command=_texts(settings, "Cmd"),
        user=_text(settings, "User"),
        working_directory=_text(settings, "WorkingDir"),
        labels=tuple(sorted((str(name), str(value)) for name, value in labels.items())),
        exposed_ports=_keys(settings, "ExposedPorts"),
        volumes=_keys(settings, "Volumes"),
        stop_signal=_text(settings, "StopSignal") or None,
        on_build=_texts(settings, "OnBuild"),
    )


def render_spec(spec: ImageSpec) -> bytes:
    """Render an image config as canonical JSON; keys without a value are left out."""
    settings: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in spec.environment],
        "Entrypoint": list(spec.entrypoint),
        "Cmd": list(spec.command),
        "User": spec.user,
        "WorkingDir": spec.working_directory,
        "Labels": dict(spec.labels),
        "ExposedPorts": {name: {} for name in spec.exposed_ports},
        "Volumes": {name: {} for name in spec.volumes},
        "StopSignal": spec.stop_signal,
    }
    document: dict[str, Any] = {
        "architecture": spec.architecture,
        "os": spec.os,
        "variant": spec.variant,
        "created": spec.created,
        "config": {key: value for key, value in settings.items() if value},
        "rootfs": {"type": "layers", "diff_ids": list(spec.diff_ids)},
        "history": [_plain_history(entry) for entry in spec.history],
    }
    return render_document({key: value for key, value in document.items() if value})


def _plain_history(entry: HistoryEntry) -> dict[str, Any]:
    document: dict[str, Any] = {"created_by": entry.created_by}
    if entry.created is not None:
        document["created"] = entry.created
    if entry.empty_layer:
        document["empty_layer"] = True
    return document


def _parse_history(document: dict[str, Any]) -> tuple[HistoryEntry, ...]:
    if not document.get("history"):
        return ()
    return tuple(
        HistoryEntry(
            created=_text(entry, "created") or None,
            created_by=_text(entry, "created_by"),
            empty_layer=entry.get("empty_layer") is True,
        )
        for entry in list_objects(document, "history", what="image config")
    )


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key) or ""
    if not isinstance(value, str):
        raise ImageInvalid(f"image config: expected text under {key!r}, got {type(value).__name__}")
    return value


def _texts(document: dict[str, Any], key: str) -> tuple[str, ...]:
    value = document.get(key) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ImageInvalid(f"image config: expected a list of texts under {key!r}")
    return tuple(value)


def _keys(document: dict[str, Any], key: str) -> tuple[str, ...]:
    value = document.get(key) or {}
    if not isinstance(value, dict):
        raise ImageInvalid(f"image config: expected an object under {key!r}")
    return tuple(sorted(value))
