"""What a builder image says about itself, as far as source-to-image reads it: labels, older labels, older variables.

A label is anybody's text that would end in a Dockerfile, so each has a grammar here, and what breaks it is a finding.
Scripts are never taken from another place than the image.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from hublish.builders.containers.gopattern import clean_path
from hublish.core.finding import Finding, Severity
from hublish.errors import ValueInvalid, clip
from hublish.oci.image import ImageSpec

SCRIPTS_LABEL = "io.openshift.s2i.scripts-url"
DESTINATION_LABEL = "io.openshift.s2i.destination"
USER_LABEL = "io.openshift.s2i.assemble-user"
# Newest first; the first that says something counts. Names in capitals are variables of the image.
_SCRIPTS_NAMES = (SCRIPTS_LABEL, "io.s2i.scripts-url", "STI_SCRIPTS_URL")
_DESTINATION_NAMES = (DESTINATION_LABEL, "io.s2i.destination", "STI_LOCATION")

DEFAULT_SCRIPTS = "/usr/libexec/s2i"
DEFAULT_USER = "1001"
SCRIPTS_SCHEME = "image://"

_PATH = re.compile(r"/[A-Za-z0-9._/+@%=,-]*", re.ASCII)
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", re.ASCII)
_ROOT_USERS = ("", "0", "root")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderFacts:
    """What counts of a builder image.

    Attributes:
        scripts: folder of its scripts.
        destination: folder that takes source and scripts when the image asks for one; None for s2i's own, /tmp.
        user: who runs `assemble`; never with a group.
        own_user: the user the image names itself; None when that is root, or nobody.
        environment: the image's variables.
        foreign_scripts: the label's URL when it leads out of the image; such scripts are never run.
    """

    scripts: str = DEFAULT_SCRIPTS
    destination: str | None = None
    user: str = DEFAULT_USER
    own_user: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    foreign_scripts: str | None = None


def read_builder(spec: ImageSpec, *, path: str) -> tuple[BuilderFacts, tuple[Finding, ...]]:
    """Read the facts of a builder image from its config.

    The user is that of the label, else the image's own unless it is root, else 1001, which s2i writes by default.

    Args:
        spec: the config of the builder image.
        path: the config file that names the image, for findings.
    """
    said = {**dict(spec.environment), **dict(spec.labels)}
    findings: list[Finding] = []

    def read(names: tuple[str, ...], parse: Callable[[str], T], default: T) -> T:
        name = next((name for name in names if said.get(name)), None)
        if name is None:
            return default
        try:
            return parse(said[name])
        except ValueInvalid as error:
            findings.append(_fault(f"the builder image's {name}: {error.message}", path))
            return default

    url = read(_SCRIPTS_NAMES, str, SCRIPTS_SCHEME + DEFAULT_SCRIPTS)
    foreign = None if url.startswith(SCRIPTS_SCHEME) else url
    scripts = DEFAULT_SCRIPTS if foreign else read(_SCRIPTS_NAMES, parse_scripts_folder, DEFAULT_SCRIPTS)
    own_user = spec.user.partition(":")[0]
    if own_user and _USER.fullmatch(own_user) is None:
        findings.append(_fault(f'the builder image\'s user is "{clip(own_user, limit=80)}"', path))
    default_user = DEFAULT_USER if own_user in _ROOT_USERS else own_user
    user = read((USER_LABEL,), _parse_user, default_user)
    if spec.on_build:
        message = (
            f"the builder image has ONBUILD instructions ({clip(spec.on_build[0], limit=80)}), which s2i does not run"
        )
        findings.append(_fault(message, path))
    destination = read(_DESTINATION_NAMES, _parse_folder, "")
    return BuilderFacts(
        scripts=scripts,
        destination=destination or None,
        user=user,
        own_user=None if own_user in _ROOT_USERS else own_user,
        environment=spec.environment,
        foreign_scripts=foreign,
    ), tuple(findings)


def parse_scripts_folder(url: str) -> str:
    """Parse `image:///path` into the folder it names.

    Raises:
        ValueInvalid: another scheme, or no plain absolute path.
    """
    if not url.startswith(SCRIPTS_SCHEME):
        raise ValueInvalid(f'expected {SCRIPTS_SCHEME} and a path in the image, got "{clip(url, limit=120)}"')
    return _parse_folder(url.removeprefix(SCRIPTS_SCHEME))


def check_scripts(
    facts: BuilderFacts, *, provided: frozenset[str], required: Mapping[str, str], path: str
) -> tuple[Finding, ...]:
    """Refuse a builder whose scripts lie outside of it, unless the repository brings those that are needed.

    Args:
        facts: of the builder image.
        provided: names of the repository's own scripts.
        required: names of the scripts that are run, with what they do.
        path: the config file that names the builder, for the finding.
    """
    missing = sorted(set(required) - provided)
    if facts.foreign_scripts is None or not missing:
        return ()
    names = " and ".join(f"`{name}`" for name in missing)
    finding = Finding(
        severity=Severity.ERROR,
        code="ScriptsRefused",
        message=(
            f'the builder image takes {names} from "{clip(facts.foreign_scripts, limit=120)}"; scripts are run from the '
            "builder image or from .s2i/bin only"
        ),
        hint="set `s2i.scripts_url` to the folder in the image that holds them, or commit them in .s2i/bin",
        path=path,
    )
    return (finding,)


def _parse_folder(text: str) -> str:
    if _PATH.fullmatch(text) is None or ".." in text.split("/"):
        raise ValueInvalid(f'expected a plain absolute path, got "{clip(text, limit=120)}"')
    return clean_path(text)


def _parse_user(text: str) -> str:
    user = text.partition(":")[0]
    if _USER.fullmatch(user) is None:
        raise ValueInvalid(f'expected the name or number of a user, got "{clip(text, limit=80)}"')
    return user


def _fault(message: str, path: str) -> Finding:
    hint = "name another builder image in `base`, or have this one mended"
    return Finding(severity=Severity.ERROR, code="BuilderUnsupported", message=message, hint=hint, path=path)
