"""hublish's source-to-image held against s2i itself: the same repository and builder image, both outputs compared.

`python -m tests.sandbox.s2i_parity` writes the table into docs/reference/s2i.md. It must not import pytest.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dockerfile_parse import DockerfileParser

from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.adapters.source_folder import FolderSource
from hublish.builders.containers.plan import make_container_build
from hublish.builders.layerindex.ownercache import OWN, OwnerCaches
from hublish.builders.planning.planner import PlanInputs, make_plan
from hublish.builders.s2i.variables import THOTH
from hublish.core.config.file import parse_config
from hublish.core.container import ContainerBuild
from hublish.core.finding import Severity
from hublish.core.plan import Trust
from hublish.core.reference import Reference
from hublish.core.source import FileMode
from hublish.oci.manifest import OCI_CONFIG, OCI_MANIFEST, ImageManifest, make_descriptor, render_manifest
from tests.sandbox.registry import Registry
from tests.sandbox.s2i_cases import CASES, Case, Difference
from tests.sandbox.tools import find_s2i

IMAGE = "registry.example.org/team/ts"
DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "s2i.md"
TABLE_START, TABLE_END = "<!-- table: made by python -m tests.sandbox.s2i_parity -->\n", "<!-- end of table -->\n"
# Labels that s2i takes from git's history, which a tarball of a commit lacks; two triggers of one commit share a build.
LABELS_LEFT_OUT = frozenset(
    f"io.openshift.s2i.build.{name}"
    for name in ("commit.author", "commit.date", "commit.message", "commit.ref", "source-location")
)
# What a clone holds and a commit does not.
ORDER = "order of instructions: "
_HASH = re.compile(r" [0-9a-f]{8}$")
FILES_LEFT_OUT = "upload/src/.git/"
_GIT = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What became of a case: lines and files only one of the two has, and the code of a refusal."""

    hublish: tuple[str, ...] = ()
    s2i: tuple[str, ...] = ()
    refused: str = ""

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return self == Compared()


def expect(difference: Difference | None) -> Compared:
    """What a case's literal difference expects."""
    if difference is None:
        return Compared()
    return Compared(hublish=difference.hublish, s2i=difference.s2i, refused=difference.refused)


def compare(case: Case, registry: Registry, folder: Path) -> Compared:
    """Let both make their Dockerfile and context, and compare."""
    repository = make_repository(folder / "ts", case.files)
    client = RegistryClient(
        rules={registry.host: RegistryRule(plain_http=True)}, allowed_hosts=None, allow_private=True
    )
    try:
        builder = push_builder(client, registry.host, case)
        build = plan_ours(case, repository, builder, client)
    finally:
        client.close()
    if isinstance(build, str):
        return Compared(refused=build)
    theirs = run_s2i(case, repository, builder, folder, build)
    own, other = list_ours(build, repository), list_theirs(theirs)
    return Compared(hublish=_list_missing(own, other), s2i=_list_missing(other, own))


def _list_missing(lines: frozenset[str], other: frozenset[str]) -> tuple[str, ...]:
    """The lines the other lacks, without hashes; the order of instructions only where they are the same ones."""
    missing = lines - other
    if any(not line.startswith(ORDER) for line in lines ^ other):
        missing = {line for line in missing if not line.startswith(ORDER)}
    return tuple(sorted(_HASH.sub("", line) for line in missing))


def make_repository(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Make a git repository with one commit."""
    folder.mkdir()
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(body, str):
            path.symlink_to(body.removeprefix("-> "))
        else:
            path.write_bytes(body)
    for command in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "One")):
        subprocess.run([*_GIT, *command], cwd=folder, check=True, timeout=60)
    return folder


def push_builder(client: RegistryClient, host: str, case: Case) -> Reference:
    """Push a builder image without layers, whose config is all that anybody reads; returns it by digest."""
    settings: dict[str, object] = {"Labels": dict(case.labels), "Env": list(case.environment), "User": case.user}
    settings |= {"OnBuild": list(case.on_build)} if case.on_build else {}
    rootfs = {"type": "layers", "diff_ids": []}
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": settings, "rootfs": rootfs}).encode()
    reference = Reference(registry=host, repository="builders/python", tag=f"case-{CASES.index(case)}")
    descriptor = make_descriptor(config, media_type=OCI_CONFIG)
    client.ensure_blob(
        reference, digest=descriptor.digest, size_bytes=len(config), open_body=lambda: io.BytesIO(config)
    )
    manifest = render_manifest(ImageManifest(config=descriptor, layers=()), annotations={})
    digest = client.ensure_manifest(reference, body=manifest, media_type=OCI_MANIFEST)
    return reference.with_digest(digest)


def plan_ours(case: Case, repository: Path, builder: Reference, client: RegistryClient) -> ContainerBuild | str:
    """hublish's build, or the code of its first error."""
    document = {
        "version": 1,
        "image": {"name": IMAGE},
        "strategy": "source",
        "base": str(builder),
        **({"s2i": case.options} if case.options else {}),
    }
    parsed = parse_config(json.dumps(document).encode(), path=".hublish.yaml")
    if parsed.config is None:
        raise AssertionError(parsed.findings)
    source = FolderSource.load(repository, environ=os.environ)
    inputs = PlanInputs(
        source=source,
        config=parsed.config,
        image=parsed.config.images[0],
        bases={},
        trust=Trust.OWNER,
        source_repo_id=0,
        target_repository="",
    )
    planned = make_plan(
        inputs, images=client, layers=OwnerCaches(repository.parent).open(owner=OWN, trust=Trust.OWNER).layers
    )
    if planned.plan is None:
        return next(finding.code for finding in planned.findings if finding.severity is Severity.ERROR)
    return make_container_build(planned.plan, source)


def run_s2i(case: Case, repository: Path, builder: Reference, folder: Path, ours: ContainerBuild) -> Path:
    """Let s2i write its Dockerfile; it gets by hand what hublish's config says, and hublish's own variables."""
    registries = folder / ".config" / "containers" / "registries.conf"
    registries.parent.mkdir(parents=True)
    registries.write_text(f'[[registry]]\nlocation = "{builder.registry}"\ninsecure = true\n')
    command = [str(find_s2i()), "build", str(repository), str(builder), IMAGE]
    options = {"scripts_url": "--scripts-url", "context": "--context-dir", "user": "--assemble-user"}
    for key, flag in options.items():
        if key in case.options:
            command += [flag, str(case.options[key])]
    for name, value in list_added(case, ours):
        command += ["--env", f"{name}={value}"]
    output = folder / "out" / "Dockerfile"
    output.parent.mkdir()
    environment = {**os.environ, "HOME": str(folder)}
    done = subprocess.run(
        [*command, "--as-dockerfile", str(output)], env=environment, capture_output=True, timeout=60, check=False
    )
    if not output.is_file():
        raise AssertionError(f"s2i made nothing: {done.stderr.decode()[-500:]}")
    return output


def list_added(case: Case, ours: ContainerBuild) -> list[tuple[str, str]]:
    """The variables that do not come from the repository's own file: the config's, then hublish's."""
    added = sorted(dict(case.options.get("environment", {})).items())
    added += [("IMAGE_NAME", IMAGE), ("GIT_REPO_NAME", "ts")]
    return added + (list(THOTH) if "THOTH_ADVISE" in ours.dockerfile_text else [])


def list_ours(build: ContainerBuild, repository: Path) -> frozenset[str]:
    """hublish's instructions, labels and files, each as one line."""
    files = {
        f"{file.path} -> {file.link}"
        if file.source is None
        else f"{file.path} {'755' if file.mode is FileMode.EXECUTABLE else '644'} {_hash(repository / file.source)}"
        for file in build.files
    }
    folders = {f"{folder}/" for folder in build.folders}
    return frozenset({*_list_instructions(build.dockerfile_text), *files, *folders})


def list_theirs(output: Path) -> frozenset[str]:
    """The same of s2i's."""
    files = set()
    for path in sorted((output.parent / "upload").rglob("*")):
        name = str(path.relative_to(output.parent))
        if f"{name}/".startswith(FILES_LEFT_OUT):
            continue
        if path.is_symlink():
            files.add(f"{name} -> {path.readlink()}")
        elif path.is_file():
            files.add(f"{name} {'755' if path.stat().st_mode & 0o100 else '644'} {_hash(path)}")
        elif not any(path.iterdir()) and name != "upload/scripts":
            files.add(f"{name}/")
    return frozenset({*_list_instructions(output.read_text()), *files})


def _list_instructions(text: str) -> Iterator[str]:
    """Instructions by an independent parser, numbered where the order counts; labels one by one."""
    parser = DockerfileParser(fileobj=io.BytesIO(text.encode()), cache_content=True)
    for name, value in parser.labels.items():
        if name not in LABELS_LEFT_OUT:
            yield f"LABEL {name}={value}"
    seen: dict[str, int] = {}
    for item in parser.structure:
        if item["instruction"] not in ("COMMENT", "LABEL"):
            line = f"{item['instruction']} {item['value']}"
            seen[line] = seen.get(line, 0) + 1
            yield line if seen[line] == 1 else f"{line} (again)"
    order = [item["instruction"] for item in parser.structure if item["instruction"] not in ("COMMENT", "LABEL")]
    yield ORDER + " ".join(order)


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def render_table(results: Mapping[str, Compared]) -> str:
    """Render the table of the documentation."""
    rows = ["| case | hublish and s2i | why |", "| --- | --- | --- |"]
    for case in CASES:
        found = results[case.name]
        verdict = "same" if found.same else f"refused: `{found.refused}`" if found.refused else "different"
        rows.append(f"| {case.name} | {verdict} | {'' if case.difference is None else case.difference.reason} |")
    return "\n".join(rows) + "\n"


def read_table() -> str:
    """The table as it stands in the documentation."""
    return DOCUMENT.read_text().partition(TABLE_START)[2].partition(TABLE_END)[0]


def compare_all(folder: Path) -> dict[str, Compared]:
    """Compare every case, each in a folder of its own."""
    results = {}
    with Registry.start(folder / "registry") as registry:
        for number, case in enumerate(CASES):
            place = folder / str(number)
            place.mkdir()
            results[case.name] = compare(case, registry, place)
    return results


def main() -> int:
    """Compare, print what nobody expected, and write the table anew."""
    with tempfile.TemporaryDirectory(prefix="hublish-s2i-") as folder:
        results = compare_all(Path(folder))
    wrong = [case.name for case in CASES if results[case.name] != expect(case.difference)]
    for name in wrong:
        print(name, results[name], sep="\n  ")
    before, _, rest = DOCUMENT.read_text().partition(TABLE_START)
    table = render_table(results)
    DOCUMENT.write_text(before + TABLE_START + table + TABLE_END + rest.partition(TABLE_END)[2])
    print(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
