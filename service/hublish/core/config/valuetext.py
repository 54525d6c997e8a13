"""Grammars of the short texts in config files: durations, sizes, paths, tags, names. Each is parsed once, here.

A parser returns the value or raises ValueInvalid with what was expected and what came; places are added by the caller.
A `mend_` function makes of a refused text what was likely meant, for a hint: it is never used in place of what stands there.
"""

from __future__ import annotations

import re

from hublish.core.reference import Reference, is_tag, parse_reference, parse_repository
from hublish.errors import ReferenceInvalid, ValueInvalid, clip

RELEASE_PLACEHOLDER = "{release}"
SOURCE_ROOTS = ("/srv", "/opt", "/home")

_UNIT_SECONDS = {"h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(?P<h>[0-9]{1,4})h)?(?:(?P<m>[0-9]{1,5})m)?(?:(?P<s>[0-9]{1,6})s)?", re.ASCII)
_LONGEST_SECONDS = 24 * 3600
_UNIT_BYTES = {
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_SIZE = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[kMGT]|[KMGT]i)", re.ASCII)
_LARGEST_BYTES = 2**50
_PATH_LIMIT = 1024
_LABEL_LIMIT = 50
_BRANCH_LIMIT = 255
_TEAM = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_HUB = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# apt would take a name that ends in "-" for one to remove.
_APT_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{0,126}[a-z0-9+.](?:=[A-Za-z0-9.+:~-]{1,127})?")
_STAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_LOCK_NAME = re.compile(r"Pipfile\.lock|pylock(?:\.[^.]+)?\.toml|.+\.txt")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_VARIABLE_LIMIT = 32 * 1024
_EXAMPLE_REGISTRY = "registry.example.org"
# Below this many a size without a unit is likelier meant in Gi than in Mi.
_LIKELY_GIBIBYTES = 128
_BUILD_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def parse_duration(text: str) -> int:
    """Parse `30m`, `90s`, `1h30m` into seconds, from 1 second to 24 hours."""
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ValueInvalid(f"expected a duration such as 30m, 90s or 1h30m, got {_quote(text)}")
    seconds = sum(int(match[unit] or 0) * _UNIT_SECONDS[unit] for unit in "hms")
    if not 1 <= seconds <= _LONGEST_SECONDS:
        raise ValueInvalid(f"expected a duration from 1s to 24h, got {_quote(text)}")
    return seconds


def parse_size(text: str) -> int:
    """Parse `4Gi`, `512Mi`, `8G` (Kubernetes' units) into bytes, at most 1024Ti."""
    match = _SIZE.fullmatch(text)
    if match is None:
        hint = "units are k, M, G, T (powers of 1000) and Ki, Mi, Gi, Ti (powers of 1024), without a space"
        raise ValueInvalid(f"expected a whole number and a unit such as 4Gi or 512Mi, got {_quote(text)}", hint=hint)
    size_bytes = int(match["count"]) * _UNIT_BYTES[match["unit"]]
    if not 1 <= size_bytes <= _LARGEST_BYTES:
        raise ValueInvalid(f"expected a size above 0 and up to 1024Ti, got {_quote(text)}")
    return size_bytes


def parse_relative_path(text: str) -> str:
    """Parse a path in the repository; returns it without `.` parts and without a slash at its end ("." for the root).

    Raises:
        ValueInvalid: absolute, leaves the repository with `..`, holds a backslash or an unprintable character.
    """
    _check_path_text(text)
    if text.startswith("/"):
        raise ValueInvalid(
            f"expected a path in the repository, got the absolute path {_quote(text)}", hint="remove the leading slash"
        )
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueInvalid(
            f"the path {_quote(text)} leaves the repository", hint="write it from the top folder, without .."
        )
    return "/".join(parts) or "."


def parse_file_path(text: str) -> str:
    """Parse a path in the repository that must name a file: `parse_relative_path`, but not the root or a folder."""
    path = parse_relative_path(text)
    if path == "." or text.endswith("/"):
        raise ValueInvalid(f"expected the path of a file, got {_quote(text)}")
    return path


def parse_lock_path(text: str) -> str:
    """Parse the path of a lock: a file in the repository named Pipfile.lock, pylock.toml, pylock.*.toml or *.txt."""
    path = parse_file_path(text)
    if _LOCK_NAME.fullmatch(path.rpartition("/")[2]) is None:
        hint = "`uv export --format pylock.toml` and `poetry export -f requirements.txt` write files that are read"
        raise ValueInvalid(
            f"expected the path of a Pipfile.lock, pylock.toml or requirements.txt, got {_quote(text)}", hint=hint
        )
    return path


def parse_source_path(text: str) -> str:
    """Parse where the source goes in the image: absolute, below /srv, /opt or /home, outside /opt/hublish."""
    _check_path_text(text)
    empty, *parts = text.rstrip("/").split("/")
    if empty or not parts[1:] or f"/{parts[0]}" not in SOURCE_ROOTS or {"", ".", ".."}.intersection(parts):
        raise ValueInvalid(f"expected an absolute path below /srv, /opt or /home without . and .., got {_quote(text)}")
    if parts[:2] == ["opt", "hublish"]:
        raise ValueInvalid("/opt/hublish belongs to hublish", hint="take a path below /srv, e.g. /srv/repo")
    return "/" + "/".join(parts)


def parse_tag_pattern(text: str) -> str:
    """Parse a tag that may hold `{release}`; returns it as written."""
    sample = text.replace(RELEASE_PLACEHOLDER, "1")
    if "{" in sample or "}" in sample:
        raise ValueInvalid(f"{RELEASE_PLACEHOLDER} is the only placeholder of a tag, got {_quote(text)}")
    if not is_tag(sample):
        hint = "a tag has 1 to 128 letters, digits, `_`, `.` and `-`, and starts with none of `.` and `-`"
        raise ValueInvalid(f"expected an image tag, got {_quote(text)}", hint=hint)
    return text


def parse_image_name(text: str) -> Reference:
    """Parse `registry/path` without tag and digest."""
    try:
        return parse_repository(text)
    except ReferenceInvalid as error:
        # At the start stands a registry that is missing, which is said first.
        tagged = error.offset > 0 and {":", "@"}.intersection(text.rpartition("/")[2])
        hint = "tags go into `tags`" if tagged else error.hint
        raise ValueInvalid(error.message, hint=hint) from error


def parse_base(text: str) -> Reference:
    """Parse the reference of a base image; a tag or a digest is required, `latest` is never assumed."""
    try:
        reference = parse_reference(text)
    except ReferenceInvalid as error:
        raise ValueInvalid(error.message, hint=error.hint or "write registry/path:tag") from error
    if reference.tag is None and reference.digest is None:
        raise ValueInvalid(f"the base image {_quote(text)} has no tag and no digest", hint="add one, e.g. :3.11")
    return reference


def parse_scripts_url(text: str) -> str:
    """Parse where the s2i scripts are: `image://` and an absolute path in the builder image."""
    path = text.removeprefix("image://")
    if path == text or not path.startswith("/") or ".." in path.split("/") or not path.isprintable() or " " in path:
        hint = "scripts from elsewhere are not run; put them into the builder image, or into .s2i/bin in the repository"
        raise ValueInvalid(f"expected image:// and a path in the builder image, got {_quote(text)}", hint=hint)
    return text


def parse_team(text: str) -> str:
    """Parse the slug of a team, as its page's address has it, without the organisation."""
    return _match(_TEAM, text, "the slug of a team (lower-case letters, digits, - and _), without the organisation")


def parse_hub(text: str) -> str:
    """Parse the name of a hub: at most 63 lower-case letters, digits and `-`."""
    return _match(_HUB, text, "the name of a hub (lower-case letters, digits and -)")


def parse_apt_package(text: str) -> str:
    """Parse the name of a Debian package, with `=version` or without."""
    return _match(_APT_PACKAGE, text, "the name of a Debian package, with =version or without")


def parse_stage(text: str) -> str:
    """Parse the name or number of a Dockerfile's stage."""
    return _match(_STAGE, text, "the name of a stage (letters, digits, `_`, `.` and `-`)")


def parse_build_argument(text: str) -> str:
    """Parse the name of a Dockerfile's ARG."""
    return _match(_BUILD_ARGUMENT, text, "the name of a build argument (letters, digits and _)")


def parse_variable_value(text: str) -> str:
    """Parse the value of a build argument or variable: one line of at most 32768 characters, tabs allowed."""
    if len(text) > _VARIABLE_LIMIT or not all(character.isprintable() or character == "\t" for character in text):
        hint = "put longer text into a file of the repository"
        raise ValueInvalid(f"expected one line of at most {_VARIABLE_LIMIT} characters, got {_quote(text)}", hint=hint)
    return text


def parse_user(text: str) -> str:
    """Parse the name or number of a user in an image."""
    return _match(_USER, text, "the name or number of a user, without a group")


def parse_branch(text: str) -> str:
    """Parse the name of a branch, where `*` stands for any text without a slash."""
    allowed = text.isprintable() and not set(text) & set(" ~^:?[\\") and ".." not in text
    if not text or len(text) > _BRANCH_LIMIT or not allowed or text[0] in "-/" or text[-1] in "/.":
        raise ValueInvalid(f"expected the name of a branch, got {_quote(text)}")
    return text


def parse_label(text: str) -> str:
    """Parse the name of a label of issues, as GitHub takes them."""
    if not text.strip() or text != text.strip() or len(text) > _LABEL_LIMIT or not text.isprintable():
        raise ValueInvalid(f"expected the name of a label of at most {_LABEL_LIMIT} characters, got {_quote(text)}")
    return text


def mend_duration(text: str) -> str:
    """A whole number with its unit as one letter; minutes where there is none, as limits are mostly thought of so."""
    match = re.fullmatch(r"([0-9]+)\s*([hms]?)[a-z]*", text.strip(), re.IGNORECASE | re.ASCII)
    return text if match is None else f"{match[1]}{match[2].lower() or 'm'}"


def mend_size(text: str) -> str:
    """A whole number with a unit of Kubernetes', in its spelling."""
    match = re.fullmatch(r"([0-9]+)\s*([kmgt]?)(i?)b?", text.strip(), re.IGNORECASE | re.ASCII)
    if match is None:
        return text
    count, unit, binary = match.groups()
    if not unit:
        return f"{count}{'Gi' if int(count) < _LIKELY_GIBIBYTES else 'Mi'}"
    return f"{count}{unit.upper()}i" if binary else f"{count}{unit.upper().replace('K', 'k')}"


def mend_image_name(text: str) -> str:
    """A name without scheme, tag and digest, below an example registry where it names none."""
    head, slash, last = re.sub(r"\A[a-z+]+://", "", text.strip()).rpartition("/")
    plain = f"{head}{slash}{re.split('[:@]', last)[0]}".lower()
    try:
        parse_repository(plain)
    except ReferenceInvalid:
        return f"{_EXAMPLE_REGISTRY}/{plain}"
    return plain


def mend_slug(text: str) -> str:
    """The last part of `organisation/name`, in lower case and with dashes, as slugs of teams and names of hubs are."""
    return re.sub(r"[^a-z0-9-]+", "-", text.strip().rpartition("/")[2].lower())


def _match(pattern: re.Pattern[str], text: str, expected: str) -> str:
    if pattern.fullmatch(text) is None:
        raise ValueInvalid(f"expected {expected}, got {_quote(text)}")
    return text


def _check_path_text(text: str) -> None:
    if not text or len(text) > _PATH_LIMIT or not text.isprintable():
        raise ValueInvalid(f"expected a path of 1 to {_PATH_LIMIT} printable characters, got {_quote(text)}")
    if "\\" in text:
        raise ValueInvalid(f"expected a path with forward slashes, got {_quote(text)}", hint="write / for \\")


def _quote(text: str) -> str:
    return f'"{clip(text, limit=120)}"'
