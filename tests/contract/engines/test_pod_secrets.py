"""Secrets of a Dockerfile in the Steps of a pod, with the real buildah: who reads them, and where nothing of them is left."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from hublish.bootstrap.steps.containers import build_in_pod, fetch_bases
from hublish.bootstrap.steps.places import StepPlaces
from hublish.core.building import BuildRequest
from hublish.core.container import SecretMount
from hublish.core.podaccess import BUILD_SECRETS_FILE, render_build_secrets
from hublish.core.redact import MASK
from hublish.engines.runs import BuildRun
from hublish.errors import BuildFailed
from tests.contract.engines.parts import Yard
from tests.fakes import FakeLog

pytestmark = [pytest.mark.container, pytest.mark.registry, pytest.mark.timeout(1200)]
SECRETS = {"mine": b"planted-mine-51c7\n", "other": b"planted-other-51c7\n"}
# Looks for the secret of another id wherever a RUN could hope for it, by a pattern that does not find itself.
SEARCH = """#!/bin/sh
word=planted-"$1"-51[c]7
env | grep $word && echo "in the environment" && exit 9
for file in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do
    grep -s $word $file && echo "in $file" && exit 9
done
for root in "" $(ls -d /proc/[0-9]*/root /proc/[0-9]*/cwd 2>/dev/null); do
    # Its own status speaks of folders that are missing, too.
    grep -rs $word $root/run/secrets $root/secrets $root@WORK@ | grep . && echo "below $root" && exit 9
done
grep -s secrets /proc/self/mountinfo | grep -v "/run/secrets/$2 " && echo "among the mounts" && exit 9
echo "nothing of $1" >>/found
"""


@dataclass
class StepPod:
    """The folders of a pod's Steps fetch and build, and what the build printed."""

    folder: Path
    yard: Yard
    log: FakeLog

    @property
    def places(self) -> StepPlaces:
        environ = {"HUBLISH_WORK": str(self.folder / "work"), "HUBLISH_SECRETS": str(self.folder / "secrets")}
        return StepPlaces.find("build", environ)

    @property
    def search(self) -> bytes:
        """The script that looks into this pod's folders."""
        return SEARCH.replace("@WORK@", str(self.folder)).encode()

    def build(self, request: BuildRequest) -> None:
        """Fetch the bases, then build, as the two Steps do."""
        assert request.ref is not None
        source = self.yard.sources.trees[request.ref.sha]
        run = BuildRun(request=request, log=self.log, clock=time.monotonic)
        fetch_bases(run, source, images=self.yard.images, places=self.places)
        try:
            build_in_pod(run, source, self.places)
        finally:
            print(*self.log.lines, sep="\n")  # shown where a test fails: what was found, and where

    def find_in_files(self, word: bytes) -> list[Path]:
        """Files of the folder that Steps share in which the word stands."""
        files = (path for path in (self.folder / "work").rglob("*") if path.is_file() and not path.is_symlink())
        return [path for path in files if word in path.read_bytes()]


@pytest.fixture
def pod(yard: Yard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StepPod:
    program = shutil.which("buildah")
    if program is None:
        pytest.skip("buildah is not installed")
    # As in a pod, no process but its own is seen: a poor one of this machine's would lend its root, and so every file.
    alone = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "--", program)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "buildah").write_text(f'#!/bin/sh\nexec {shlex.join(alone)} "$@"\n')
    (tmp_path / "bin" / "buildah").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    (tmp_path / "work").mkdir()
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / BUILD_SECRETS_FILE).write_bytes(render_build_secrets(SECRETS))
    return StepPod(folder=tmp_path, yard=yard, log=FakeLog())


def test_secret_reaches_the_run_that_mounts_it_and_nothing_else(pod: StepPod) -> None:
    """Its step reads it; the log shows a mask; no layer, no other Step's folder and no other RUN has anything of it."""
    text = (
        "FROM BASE\n"
        "COPY search /search\n"
        "RUN --mount=type=secret,id=mine cat /run/secrets/mine; sha256sum </run/secrets/mine; sh /search other mine && sleep 1\n"
        "RUN --mount=type=secret,id=other sh /search mine other\n"
        "RUN sh /search mine none && sh /search other none && test ! -s /run/secrets/mine\n"
    )
    pod.build(pod.yard.ask(text, name="pod-secrets", files={"search": pod.search}))

    assert MASK in pod.log.lines
    assert f"{hashlib.sha256(SECRETS['mine']).hexdigest()}  -" in pod.log.lines
    assert "planted" not in "\n".join(pod.log.lines)
    assert [pod.find_in_files(body.strip()) for body in SECRETS.values()] == [[], []]


def test_search_finds_a_secret_that_is_there(pod: StepPod) -> None:
    """The search of the test above is no empty one: of its own id it finds the secret."""
    text = "FROM BASE\nCOPY search /search\nRUN --mount=type=secret,id=mine sh /search mine mine\n"

    with pytest.raises(BuildFailed, match="exit status 9"):
        pod.build(pod.yard.ask(text, name="pod-search", files={"search": pod.search}))
    assert pod.find_in_files(SECRETS["mine"].strip()) == []


def test_secret_that_is_not_given_ends_the_step(pod: StepPod) -> None:
    """Nothing is run without it."""
    (pod.folder / "secrets" / BUILD_SECRETS_FILE).unlink()
    text = "FROM BASE\nRUN --mount=type=secret,id=mine,required=true true\n"
    request = pod.yard.ask(text, name="pod-required")
    assert request.plan.container is not None
    assert request.plan.container.secrets == (SecretMount(name="mine", required=True),)

    with pytest.raises(BuildFailed, match="needs the secret mine, which this build is not given"):
        pod.build(request)
    assert not any(line.startswith("STEP") for line in pod.log.lines)
