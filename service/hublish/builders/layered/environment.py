"""Where things go in the image: the environment that packages are installed into, and the ground the base gives.

Modes and owners come from the rules here and from the base, never from the umask or the user of the machine.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from hublish.builders.baseimage.facts import BaseFacts, resolve_links
from hublish.core.plan import Environment
from hublish.oci.layers import ROOT, Owner, list_parents

HOME_FOLDER = "/opt/hublish"
VENV_FOLDER = f"{HOME_FOLDER}/venv"

_GROUP_WRITE = 0o020


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRule:
    """Mode and owner of a folder."""

    mode: int
    owner: Owner


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEnvironment:
    """The environment that packages go into.

    Attributes:
        prefix: holds bin, share, etc and include.
        site_packages: holds the packages.
        interpreter: what scripts start with.
        python_version: `(major, minor)`.
        folder_rule: mode and owner of new folders inside the prefix.
        file_mode: of plain files inside the prefix.
        executable_mode: of scripts and executables inside the prefix.
        base_folders: folders the base has, with their rule; they are named again exactly like that, because some
            unpackers would otherwise make missing parents themselves and hide the base's.
        links: links to folders, of the base and of the environment; entries go to the place behind them.
        reserved: what no wheel may bring as a file, because the environment would not start any more: files of its own, and
            the folders that lead to them and to the packages.
    """

    prefix: str
    site_packages: str
    interpreter: str
    python_version: tuple[int, int]
    folder_rule: FolderRule
    file_mode: int
    executable_mode: int
    base_folders: Mapping[str, FolderRule]
    links: Mapping[str, str]
    reserved: frozenset[str]

    def folder_rule_at(self, path: str) -> FolderRule:
        """The rule of a folder: as the base has it, else by where it lies."""
        known = self.base_folders.get(path)
        if known is not None:
            return known
        if f"{path}/".startswith((f"{self.prefix}/", f"{self.site_packages}/")):
            return self.folder_rule
        return FolderRule(mode=0o755, owner=ROOT)

    def scheme_folders(self, distribution: str) -> dict[str, str]:
        """The folders of a wheel's schemes, as PEP 427 names them."""
        version = "{}.{}".format(*self.python_version)
        return {
            "purelib": self.site_packages,
            "platlib": self.site_packages,
            "scripts": f"{self.prefix}/bin",
            "data": self.prefix,
            "headers": f"{self.prefix}/include/site/python{version}/{distribution}",
        }


def describe_environment(environment: TargetEnvironment) -> list[object]:
    """List everything of an environment that the bytes of a layer depend on, as plain values."""
    plain = dataclasses.asdict(environment)
    return [[name, sorted(value) if isinstance(value, frozenset) else value] for name, value in sorted(plain.items())]


def make_environment(facts: BaseFacts, environment: Environment) -> TargetEnvironment:
    """Make the environment a plan asks for, on a given base."""
    base_folders = {
        directory.path: FolderRule(
            mode=directory.mode, owner=Owner(user_id=directory.user_id, group_id=directory.group_id)
        )
        for directory in facts.directories
    }
    links = dict(facts.links)
    if environment is Environment.BASE:
        return _make_base_environment(facts, base_folders=base_folders, links=links)
    python = "python{}.{}".format(*facts.python_version)
    binaries = f"{VENV_FOLDER}/bin"
    return TargetEnvironment(
        prefix=VENV_FOLDER,
        site_packages=f"{VENV_FOLDER}/lib/{python}/site-packages",
        interpreter=f"{binaries}/python",
        python_version=facts.python_version,
        # Group 0 may write: an image runs under any user with group 0, who may well want to install one thing more.
        folder_rule=FolderRule(mode=0o775, owner=ROOT),
        file_mode=0o664,
        executable_mode=0o775,
        base_folders=base_folders,
        links={**links, f"{VENV_FOLDER}/lib64": "lib"},
        reserved=_reserve(
            f"{VENV_FOLDER}/pyvenv.cfg",
            *(f"{binaries}/{name}" for name in ("python", "python3", python)),
            site_packages=f"{VENV_FOLDER}/lib/{python}/site-packages",
        ),
    )


def _make_base_environment(
    facts: BaseFacts, *, base_folders: Mapping[str, FolderRule], links: Mapping[str, str]
) -> TargetEnvironment:
    default = FolderRule(mode=0o755, owner=ROOT)
    rule = base_folders.get(resolve_links(facts.site_packages, links), base_folders.get(facts.prefix, default))
    group_bits = rule.mode & _GROUP_WRITE
    binaries = f"{facts.prefix}/bin"
    names = ("python", "python3", "python{}.{}".format(*facts.python_version))
    return TargetEnvironment(
        prefix=facts.prefix,
        site_packages=facts.site_packages,
        interpreter=facts.environment_executable,
        python_version=facts.python_version,
        folder_rule=rule,
        file_mode=0o644 | group_bits,
        executable_mode=0o755 | group_bits,
        base_folders=base_folders,
        links=links,
        reserved=_reserve(
            facts.executable,
            f"{facts.prefix}/pyvenv.cfg",
            *(f"{binaries}/{name}" for name in names),
            site_packages=facts.site_packages,
        ),
    )


def _reserve(*files: str, site_packages: str) -> frozenset[str]:
    """The given files, site-packages, and all folders above."""
    paths = (*files, site_packages)
    return frozenset({*paths, *(parent for path in paths for parent in list_parents(path))})
