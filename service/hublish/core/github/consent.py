"""Who may put what into a hub's list: the hub's consent, and to whom an entry belongs.

A hub consents through the operator's map or through `.hublish-hub.yaml` on its default branch; both give the same
rules, and one that fits is enough. An entry belongs to the source repository that it names: nobody else's image takes
its place until a person changes the entry. Reads no files and asks nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from hublish.core.finding import Finding, Severity
from hublish.core.place import KeyPath
from hublish.core.trees.yamltree import Tree, parse_tree
from hublish.errors import clip

CONSENT_PATH = ".hublish-hub.yaml"
RULE_LIMIT = 1000

_REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/(?:[A-Za-z0-9_.-]+|\*)")
_IMAGE = re.compile(r"[a-z0-9*-]+")
_ADDRESS = re.compile(
    r"(?:[a-z][a-z+]*://)?(?:[^@/]*@)?([^/:]+)(?!://)(?::\d+)?[:/]+([^/]+)/([^/]+?)(?:\.git)?(?:[/?#].*)?"
)
_KEYS = ("repo", "images", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRule:
    """What a hub takes from one repository.

    Attributes:
        repo: `owner/name`, or `owner/*` for all of an owner's; case does not count, as on GitHub.
        images: names of entries, `*` for any run of characters; ("*",) for all.
        file: pattern for the path of the entry's file in the hub's repository; "*" for all. A pattern without a slash
            is compared with the file's name, any other with the whole path.
    """

    repo: str
    images: tuple[str, ...] = ("*",)
    file: str = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubConsent:
    """What a consent file says: no rules where it is absent or has an error."""

    rules: tuple[HubRule, ...]
    findings: tuple[Finding, ...] = ()


def parse_hub_consent(body: bytes | None, *, path: str = CONSENT_PATH) -> HubConsent:
    """Parse a hub's consent file.

    Args:
        body: the file on the hub's default branch; None when there is none.
        path: its path, for findings.

    Returns:
        The rules, or every fault of the file and no rule at all: half a consent is none.
    """
    if body is None:
        return HubConsent(rules=())
    parsed = parse_tree(body, path=path)
    if parsed.tree is None or parsed.findings:
        return HubConsent(rules=(), findings=parsed.findings)
    reader = _Reader(parsed.tree)
    rules = reader.read()
    findings = sorted(reader.findings, key=lambda found: (found.line or 0, found.column or 0))
    return HubConsent(rules=() if findings else rules, findings=tuple(findings))


def check_consent(rules: Iterable[HubRule], *, source_repo: str, image_name: str, file: str) -> str | None:
    """Check that a hub takes an entry.

    Args:
        rules: of the operator and of the hub's own file.
        source_repo: `owner/name` the image is built from.
        image_name: name of the entry.
        file: path of the entry's file in the hub's repository.

    Returns:
        None when a rule allows it, else the reason, for people.
    """
    mine = [rule for rule in rules if _fits_repository(rule.repo, source_repo)]
    if not mine:
        return f"the hub accepts no images from {clip(source_repo)}"
    named = [rule for rule in mine if any(fnmatchcase(image_name, pattern) for pattern in rule.images)]
    if not named:
        images = ", ".join(sorted({pattern for rule in mine for pattern in rule.images}))
        return f"the hub accepts from {clip(source_repo)} only the images {clip(images)}, not {clip(image_name)}"
    if not any(_fits_file(rule.file, file) for rule in named):
        files = ", ".join(sorted({rule.file for rule in named}))
        return f"the hub accepts {clip(image_name)} only in the files {clip(files)}, not in {clip(file)}"
    return None


def takes_repository(rules: Iterable[HubRule], source_repo: str) -> bool:
    """Tell whether rules take images of any name from a repository; whatever is put in which file comes later."""
    return any(_fits_repository(rule.repo, source_repo) and "*" in rule.images for rule in rules)


def check_entry_owner(
    *, listed_url: str | None, listed_names: tuple[str, ...], source_url: str, image_name: str, image_repository: str
) -> str | None:
    """Check that an entry which is listed already belongs to the repository that wants to change it.

    Args:
        listed_url: the source page that the entry names; None when it names none.
        listed_names: `registry/repository` of the images its tags name.
        source_url: page of the repository that asks.
        image_name: name of the entry, for the reason.
        image_repository: `registry/repository` of the new image.

    Returns:
        None when it does: it names that repository; or it names none and every image it lists is of the new image's
        repository. Else the reason, for people.
    """
    name = clip(image_name)
    if listed_url is None:
        if listed_names and all(listed == image_repository for listed in listed_names):
            return None
        return f"the entry {name} names no source repository and lists other images than {image_repository}"
    owner = make_repository_key(listed_url)
    if owner is not None and owner == make_repository_key(source_url):
        return None
    shown = "an address that is not understood" if owner is None else owner
    return f"the entry {name} belongs to {clip(shown)}; a maintainer of the hub can change the address it names"


def make_repository_key(address: str) -> str | None:
    """Make what two addresses of one repository have in common: `host/owner/name` in lower case.

    Args:
        address: a page or clone address, e.g. "https://github.com/Org/ts.git" or "git@github.com:org/ts".

    Returns:
        The key, or None for a text that is no such address.
    """
    found = _ADDRESS.fullmatch(address.strip().lower())
    return None if found is None else "/".join(found.groups())


def _fits_repository(pattern: str, repo: str) -> bool:
    owner, _, name = pattern.lower().partition("/")
    asked_owner, _, asked_name = repo.lower().partition("/")
    return owner == asked_owner and name in ("*", asked_name)


def _fits_file(pattern: str, file: str) -> bool:
    # `*` stays within a folder unless it is the whole pattern: "base/*.yaml" must not allow "base/prod/x.yaml".
    parts, wanted = file.split("/"), pattern.split("/")
    if pattern == "*":
        return True
    if len(wanted) == 1:
        return fnmatchcase(parts[-1], pattern)
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


class _Reader:
    """Reads a consent file's tree strictly and collects every fault."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.findings: list[Finding] = []

    def read(self) -> tuple[HubRule, ...]:
        root = self._tree.value
        if not isinstance(root, dict):
            self._add("TypeInvalid", "expected the key `accept` with a list of rules", at=())
            return ()
        for key in root:
            if key != "accept":
                self._add("UnknownKey", f"the key `{clip(key)}` is not known", at=(key,), hint="remove it")
        accept = root.get("accept")
        if not isinstance(accept, list) or len(accept) > RULE_LIMIT:
            self._add("TypeInvalid", f"expected a list of at most {RULE_LIMIT} rules", at=("accept",))
            return ()
        return tuple(self._read_rule(rule, at=("accept", index)) for index, rule in enumerate(accept))

    def _read_rule(self, rule: Any, *, at: KeyPath) -> HubRule:
        if not isinstance(rule, dict):
            self._add("TypeInvalid", "expected a rule with the keys repo, images and file", at=at)
            return HubRule(repo="")
        for key in rule:
            if key not in _KEYS:
                self._add(
                    "UnknownKey", f"the key `{clip(key)}` is not known", at=(*at, key), hint="see repo, images, file"
                )
        repo = self._read_text(rule.get("repo"), _REPOSITORY, at=(*at, "repo"), expected="OWNER/NAME or OWNER/*")
        images = rule.get("images", ["*"])
        if not isinstance(images, list) or not images:
            self._add("TypeInvalid", "expected a list of image names", at=(*at, "images"), hint='write ["*"] for all')
            images = []
        names = tuple(
            self._read_text(image, _IMAGE, at=(*at, "images", index), expected="an image name or a pattern with *")
            for index, image in enumerate(images)
        )
        file = self._read_text(
            rule.get("file", "*"), re.compile(r"[^/\s](?:.*\S)?"), at=(*at, "file"), expected="a path"
        )
        return HubRule(repo=repo, images=names, file=file)

    def _read_text(self, value: Any, pattern: re.Pattern[str], *, at: KeyPath, expected: str) -> str:
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        if value is None:
            self._add("KeyMissing", f"expected the key `{at[-1]}` with {expected}", at=at[:-1])
        else:
            self._add("ValueInvalid", f"expected {expected}, got `{clip(str(value))}`", at=at)
        return ""

    def _add(self, code: str, message: str, *, at: KeyPath, hint: str = "") -> None:
        on_key = code == "UnknownKey"
        found = self._tree.make_finding(code, message, at=at, hint=hint, severity=Severity.ERROR, on_key=on_key)
        self.findings.append(found)
