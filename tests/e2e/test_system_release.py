"""A release of a repository that needs Debian packages and a package from source, in a service whose operator added buildah."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.answers import publish
from tests.sandbox.base_image import BUSYBOX, TinyFile, make_tiny_base, push_layout
from tests.sandbox.town import SOURCE_REPO, Town

pytestmark = [pytest.mark.github, pytest.mark.registry, pytest.mark.container, pytest.mark.timeout(600)]

# busybox has all that is needed but this.
COMM = b'#!/bin/sh\ngrep -vxFf "$2" -\n'
DPKG = b"#!/bin/sh\ncat /var/packages\n"
# It installs anything but one package, and leaves a mark of it.
APT = b"""\
#!/bin/sh
for last; do :; done
[ "$last" != nothing ] || { echo "E: Unable to locate package nothing"; exit 100; }
[ "$1" = install ] || exit 0
echo "$last 1.0" >> /var/packages
echo "$last" > "/usr/bin/$last"
"""


def push_base(town: Town) -> str:
    """Push a base that looks like a Debian with Python and has a shell that does run; returns its name."""
    listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, timeout=30, check=True)
    tools = [TinyFile(path=f"usr/bin/{name}", link="busybox") for name in listed.stdout.split() if name != "busybox"]
    extra = (
        *tools,
        TinyFile(path="usr/bin/busybox", content=BUSYBOX.read_bytes()),
        TinyFile(path="usr/bin/apt-get", content=APT),
        TinyFile(path="usr/bin/dpkg-query", content=DPKG),
        TinyFile(path="usr/bin/comm", content=COMM),
        TinyFile(path="var"),
        TinyFile(path="var/packages", content=b"base-files 12\n", mode=0o644),
        *(TinyFile(path=f"etc/{name}", content=b"", mode=0o644) for name in ("hostname", "hosts", "resolv.conf")),
    )
    push_layout(make_tiny_base(town.folder / "base", extra=extra), town.registry.host, "base/debian", "1")
    return f"{town.registry.host}/base/debian:1"


def settle(town: Town, package: str, *, owner: str = "octocat") -> None:
    """A service that installs packages for one owner, one build at a time, and a repository that names one."""
    engines = {"use": ["local", "buildah"], "buildah": {"owners": [owner], "network": "none"}, "local": {"workers": 1}}
    queue = {"builds": 1, "per_owner": 1, "per_repo": 1}
    town.write_settings(base=push_base(town), engines=engines, limits={"queue": queue})
    commit(town, package)
    town.start_service()


def commit(town: Town, package: str) -> None:
    files = town.make_source_files(system={"apt": [package]})
    town.github.commit_files(SOURCE_REPO, files, message=f"needs {package}")


def list_bases(town: Town) -> list[str]:
    """Repositories of bases that the registry holds."""
    return [name for name in town.registry.repositories() if "hublish-base-" in name]


def test_packages_are_installed_once_for_all_releases(quiet_town: Town) -> None:
    """The image stands on the base with packages, which a second release takes; apt's refusal is the answer.

    One slot is enough: the base has it before the image does.
    """
    town = quiet_town
    settle(town, "tree")
    answers = [publish(town, "v1.0"), publish(town, "v1.1")]
    (base,) = list_bases(town)
    digests = {town.registry.manifest(base, "base")["layers"][-1]["digest"]}
    images = [town.registry.manifest("team/ts", tag) for tag in ("v1.0", "v1.1")]
    commit(town, "nothing")
    refused = publish(town, "v1.2")

    assert [answer.partition(" at ")[0] for answer in answers] == ["**Delivered:** `v1.0`", "**Delivered:** `v1.1`"]
    assert base.startswith("team/hublish-base-")
    assert all(digests <= {layer["digest"] for layer in image["layers"]} for image in images)
    assert "nothing cannot be installed: Unable to locate package nothing" in refused
    assert len(list_bases(town)) == 1


def test_owner_that_no_engine_serves_is_told(quiet_town: Town) -> None:
    """The finding names the key, and what an operator can switch on."""
    town = quiet_town
    settle(town, "tree", owner="acme")
    answer = publish(town, "v1.0").replace("\\", "")

    assert "`system.apt` names OS packages" in answer
    assert "in a service `docker`, `tekton` with a `build_image`, or `buildah` with this owner" in answer
    assert list_bases(town) == []
