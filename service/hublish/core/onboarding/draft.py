"""The config that fits what a repository holds, and why: written so that a person can judge and change it.

Only what can be built is drafted: a Dockerfile, s2i scripts where a builder image is known, a lock that is read, or a
Pipfile, whose lock `/lock` makes. Names of folders are foreign text: they reach the file through a YAML writer, and those
that the config's grammar refuses are left out and named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from hublish.core.config.file import CONFIG_PATH, CONFIG_PATHS, LEGACY_PATH, NEAR_NAMES
from hublish.core.config.migration import migrate_config
from hublish.core.config.valuetext import RELEASE_PLACEHOLDER, parse_lock_path
from hublish.core.locks.choice import LOCK_NAMES, PIPFILE_LOCK, ReadFile, choose_lock, read_lock
from hublish.core.locks.pipfile import parse_pipfile
from hublish.core.onboarding.target import make_component
from hublish.core.reference import Reference
from hublish.core.strategy import DOCKERFILE_NAMES
from hublish.errors import ValueInvalid

OVERLAYS = "overlays"
OVERLAYS_LIMIT = 20
"""Images drafted from folders; more are a matter for a person."""
SMOKE_FOLDER, NOTEBOOK_FOLDER = "image-tests", "notebooks"
HUB_PACKAGES = frozenset({"jupyterhub", "jupyterlab"})
"""What a lock must hold before its image is offered to a hub: without them a build that names one fails."""
PIPFILE = "Pipfile"
S2I_SCRIPT = ".s2i/bin/assemble"
_NOTEBOOK = ".ipynb"
_WIDTH = 120
_HEAD = "# Written by hublish from what this repository holds. Every key: docs/reference/config.md of hublish."


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A config for a repository that has none.

    Attributes:
        text: the file, ending with a line end.
        reasons: `(what, why)` for each image, or for the file it was carried over from; foreign text.
        left_out: `(path, why)` of what no image was drafted from; foreign text.
        hubs: those that the file names.
    """

    text: str
    reasons: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...] = ()
    hubs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a repository holds, and what this service has for it.

    Attributes:
        name: of the repository, without owner.
        paths: of its regular files.
        read: see `ReadFile`.
        target: where its image goes.
        bases: default base images by Python version.
        hubs: names of the hubs that take any image from it, by the operator's settings.
    """

    name: str
    paths: frozenset[str]
    read: ReadFile
    target: Reference
    bases: Mapping[str, Reference]
    hubs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """One image: its place, its keys, and why."""

    target: Reference
    keys: Mapping[str, Any]
    reason: str


def find_config(paths: frozenset[str]) -> str | None:
    """The file that is a config already, also under a wrong name; None where one is still to be written."""
    return next(
        (path for path in (CONFIG_PATH, *NEAR_NAMES) if path in paths and NEAR_NAMES.get(path) != LEGACY_PATH), None
    )


def draft_config(held: Holdings) -> Draft | None:
    """Draft the config of a repository; None where nothing in it can be built, or its old config cannot be read."""
    for path in (LEGACY_PATH, *(near for near, right in NEAR_NAMES.items() if right == LEGACY_PATH)):
        body = held.read(path) if path in held.paths else None
        if body is not None:
            return _carry_over(held, path, body)
    root = _offer_root(held)
    overlays, left_out = _offer_overlays(held)
    offers = (*((root,) if root else ()), *overlays)
    if not offers:
        return None
    reasons = tuple((offer.target.name, offer.reason) for offer in offers)
    hubs = held.hubs if all(_fits_hub(held, offer) for offer in offers) else ()
    return Draft(text=_render(held, offers, hubs), reasons=reasons, left_out=left_out, hubs=hubs)


def _carry_over(held: Holdings, path: str, body: bytes) -> Draft | None:
    migrated = migrate_config(body, name=path, repository_name=held.name, has=held.paths.__contains__)
    if migrated.text is None:
        return None
    reason = f"It says what {path} says, which is no longer read once {CONFIG_PATHS[0]} is there."
    return Draft(text=migrated.text, reasons=((path, reason),))


def _offer_root(held: Holdings) -> _Offer | None:
    dockerfile = next((name for name in DOCKERFILE_NAMES if name in held.paths), None)
    if dockerfile is not None:
        return _make_offer(held.target, {"strategy": "dockerfile"}, f"The repository holds {dockerfile}.")
    base = _find_base(held)
    if S2I_SCRIPT in held.paths and base is not None:
        keys = {"strategy": "source", "base": str(base)}
        return _make_offer(held.target, keys, f"The repository holds {S2I_SCRIPT}; the base is this service's own.")
    choice = choose_lock(None, paths=held.paths, read=held.read)
    if choice.finding is not None or not _is_usable(held, choice.path):
        return None
    named = {} if choice.path == PIPFILE_LOCK else {"python": {"lock": choice.path}}
    return _make_offer(held.target, {"strategy": "layered", **named}, _explain_lock(held, choice.path))


def _offer_overlays(held: Holdings) -> tuple[tuple[_Offer, ...], tuple[tuple[str, str], ...]]:
    offers: dict[str, _Offer] = {}
    left_out: list[tuple[str, str]] = []
    for folder in _list_overlays(held.paths):
        keys = _offer_folder(held, folder)
        if keys is None:
            continue
        target = Reference(
            registry=held.target.registry,
            repository=f"{held.target.repository}-{make_component(folder.rpartition('/')[2])}",
        )
        try:
            parse_lock_path(f"{folder}/{PIPFILE_LOCK}")
        except ValueInvalid as error:
            left_out.append((folder, error.message))
            continue
        if target.name in offers:
            left_out.append((folder, f"its image would be called {target.name}, too"))
        elif len(offers) >= OVERLAYS_LIMIT:
            left_out.append((folder, f"only {OVERLAYS_LIMIT} overlays are drafted"))
        else:
            offers[target.name] = _make_offer(target, keys, f"The folder {folder} is an overlay.")
    return tuple(offers.values()), tuple(left_out)


def _list_overlays(paths: frozenset[str]) -> list[str]:
    parts = (path.split("/") for path in paths)
    return sorted({"/".join(part[:2]) for part in parts if part[0] == OVERLAYS and part[2:]})


def _offer_folder(held: Holdings, folder: str) -> dict[str, Any] | None:
    for name in DOCKERFILE_NAMES:
        if f"{folder}/{name}" in held.paths:
            return {"strategy": "dockerfile", "dockerfile": {"path": f"{folder}/{name}"}}
    for name in LOCK_NAMES:
        path = f"{folder}/{name}"
        if _is_usable(held, path):
            return {"strategy": "layered", "python": {"lock": path}}
    return None


def _is_usable(held: Holdings, path: str) -> bool:
    """Whether a lock can be built from, now or once `/lock` has made it."""
    folder, _, name = path.rpartition("/")
    pipfile = f"{folder}/{PIPFILE}" if folder else PIPFILE
    if name == PIPFILE_LOCK:
        return pipfile in held.paths
    if path not in held.paths:
        return False
    # Without hashes nothing says which files are meant.
    return name.endswith(".toml") or b"--hash" in (held.read(path) or b"")


def _explain_lock(held: Holdings, path: str) -> str:
    if path in held.paths:
        return f"The image is made from the packages of {path}."
    return f"The repository holds a {PIPFILE} without a lock; the comment `/lock` makes one."


def _find_base(held: Holdings) -> Reference | None:
    """The operator's base for the Pipfile's Python; where it names none, the only one there is."""
    body = held.read(PIPFILE) if PIPFILE in held.paths else None
    pipfile = None if body is None else parse_pipfile(body, path=PIPFILE).pipfile
    version = None if pipfile is None else pipfile.python_version
    if version is not None:
        return held.bases.get(".".join(version.split(".")[:2]))
    return next(iter(held.bases.values())) if len(held.bases) == 1 else None


def _make_offer(target: Reference, keys: Mapping[str, Any], reason: str) -> _Offer:
    return _Offer(target=target, keys=keys, reason=reason)


def _fits_hub(held: Holdings, offer: _Offer) -> bool:
    if offer.keys["strategy"] != "layered":
        return False
    path = offer.keys.get("python", {}).get("lock", PIPFILE_LOCK)
    lock = read_lock(path, read=held.read, dev=False, default_index="").lock
    return lock is not None and {package.name for package in lock.default} >= HUB_PACKAGES


def _render(held: Holdings, offers: tuple[_Offer, ...], hubs: tuple[str, ...]) -> str:
    tags = [RELEASE_PLACEHOLDER, "latest"]
    document: dict[str, Any] = {"version": 1}
    if len(offers) == 1:
        document |= {"image": {"name": offers[0].target.name, "tags": tags}, **offers[0].keys}
    else:
        document["images"] = [{"name": offer.target.name, "tags": list(tags), **offer.keys} for offer in offers]
    if hubs:
        document["hubs"] = list(hubs)
    tail = ""
    if _has_notebooks(held.paths, SMOKE_FOLDER):
        document["smoke"] = {"notebooks": SMOKE_FOLDER}
    elif _has_notebooks(held.paths, NOTEBOOK_FOLDER):
        # Notebooks of people may need data and hours; whether they are a test is theirs to say.
        tail = f"# smoke: {{notebooks: {NOTEBOOK_FOLDER}}}  # to run them in each new image\n"
    return f"{_HEAD}\n{yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=_WIDTH)}{tail}"


def _has_notebooks(paths: frozenset[str], folder: str) -> bool:
    return any(path.startswith(f"{folder}/") and path.endswith(_NOTEBOOK) for path in paths)
