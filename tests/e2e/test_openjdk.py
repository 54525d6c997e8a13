"""The talk's demo: a Dockerfile that adds OpenJDK by the system's packages, beside a Pipfile.

The package is a stand-in of that name in an archive on the spot, so that the test needs no mirror; apt, dpkg and the
Debian below it are the real ones.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from tests.e2e.command_line import build, write_repository
from tests.e2e.images import read_files
from tests.sandbox.base_image import make_debian_base, push_layout
from tests.sandbox.registry import Registry
from tests.sandbox.wheels import make_lock

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(300)]

PACKAGE = "openjdk-17-jre-headless"
CONTROL = f"""\
Package: {PACKAGE}
Version: 17.0.9+9-1
Architecture: all
Maintainer: Test <test@example.com>
Description: stand-in
"""
JAVA = "#!/bin/sh\necho 'openjdk version \"17.0.9\"'\n"
DOCKERFILE = f"""\
FROM {{base}}
COPY archive /archive
RUN rm -f /etc/apt/sources.list.d/* && echo 'deb [trusted=yes] file:/archive ./' > /etc/apt/sources.list \\
 && apt-get update && apt-get install --yes --no-install-recommends {PACKAGE} \\
 && rm -rf /var/lib/apt/lists/* /archive
ENV JAVA_HOME=/usr
RUN java -version > /java-version
COPY Pipfile Pipfile.lock /srv/repo/
"""


def write_archive(folder: Path) -> None:
    """An archive of Debian packages that holds the stand-in."""
    tree = folder.with_name("package")
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr" / "bin").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(CONTROL)
    (tree / "usr" / "bin" / "java").write_text(JAVA)
    (tree / "usr" / "bin" / "java").chmod(0o755)
    folder.mkdir()
    file = folder / f"{PACKAGE}.deb"
    subprocess.run(
        ("dpkg-deb", "--build", "--root-owner-group", tree, file), check=True, capture_output=True, timeout=60
    )
    body = file.read_bytes()
    index = f"{CONTROL}Filename: ./{file.name}\nSize: {len(body)}\nSHA256: {hashlib.sha256(body).hexdigest()}\n"
    (folder / "Packages").write_text(index)


def test_openjdk_is_added_beside_a_pipfile(tmp_path: Path) -> None:
    """apt installs it in the build, java runs there, and the image names both and the lock."""
    with Registry.start(tmp_path / "registry") as registry:
        push_layout(make_debian_base(tmp_path / "base"), registry.host, "base/debian", "12")
        pipfile, lock = make_lock({}, hashes={})
        folder = write_repository(tmp_path / "ts", pipfile, lock)
        write_archive(folder / "archive")
        (folder / "Dockerfile").write_text(DOCKERFILE.format(base=f"{registry.host}/base/debian:12"))
        build(
            folder,
            *("--engine", "buildah", "--cache", tmp_path / "cache", "--plain-http", registry.host),
            *("--push", f"{registry.host}/team/ts:v1"),
        )
        files = read_files(registry, "v1")

    assert files["usr/bin/java"].decode() == JAVA
    assert files["java-version"] == b'openjdk version "17.0.9"\n'
    assert f"Package: {PACKAGE}\nStatus: install ok installed" in files["var/lib/dpkg/status"].decode()
    assert files["srv/repo/Pipfile.lock"].decode() == lock
