"""The layered builder as a whole, in memory: what the image holds, what is refused, what never changes its bytes."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.layered import build as layered_build
from hublish.builders.wheels import workshop
from hublish.core.building import Progress, Step
from hublish.core.plan import Environment, Trust
from hublish.core.reference import Reference
from hublish.errors import (
    BaseUnsupported,
    BuildCancelled,
    BuildFailed,
    DiskFull,
    ImageInvalid,
    SourceInvalid,
    WheelInvalid,
    WheelMissing,
)
from hublish.oci.check import check_image
from hublish.oci.image import parse_spec
from hublish.oci.manifest import parse_manifest
from tests.fakes import TINY_BASE, FakeSource, make_tar
from tests.unit.builders.samples import BASE, TARGET, Bench, die

TAG = sys.implementation.cache_tag
SITE = "/opt/hublish/venv/lib/python3.11/site-packages"
BASE_SITE = "/usr/local/lib/python3.11/dist-packages"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.add_base()
    bench.add_package("alpha", scripts={"alpha": "alpha:main"})
    bench.add_package("beta", requires=["alpha>=1"])
    return bench


def read_config(bench: Bench) -> dict:
    manifest = parse_manifest(bench.images.fetch_manifest(TARGET).body)
    return json.loads(bench.images.blobs[TARGET.name, manifest.config.digest])


def test_image_is_golden(bench):
    """The digest of a fixed plan over a fixed base never changes without a new builder version."""
    expected = "sha256:bb3d1c04764539ae25eb3aa3e44582c6f8f16a816b36a323c41c4ee691b98992"

    outcome = bench.build()

    assert outcome.digest == expected


def test_image_agrees_with_itself(bench):
    """Every digest, size and diff ID of a built image is right."""
    bench.build()

    manifest = bench.images.fetch_manifest(TARGET).body

    assert check_image(manifest, open_blob=lambda digest: io.BytesIO(bench.images.blobs[TARGET.name, digest])) == ()


def test_image_says_how_it_is_started(bench):
    """The config holds entry point, command, user, home, path and labels."""
    expected = {
        "Cmd": ["jupyterhub-singleuser"],
        "Entrypoint": ["/opt/hublish/venv/bin/python", "-I", "/opt/hublish/entrypoint.py", "/srv/repo", "ts"],
        "Env": ["PATH=/opt/hublish/venv/bin:/usr/local/bin:/usr/bin:/bin", "HOME=/home/jovyan"],
        "Labels": {
            "io.github.hublish.builder": "layered-3",
            "org.opencontainers.image.base.digest": bench.plan().base.digest,
            "org.opencontainers.image.base.name": "registry.example.org/base/python:3.11",
            "org.opencontainers.image.revision": "a" * 40,
        },
        "User": "1000:0",
        "WorkingDir": "/home/jovyan",
    }

    bench.build()
    config = read_config(bench)

    assert config["config"] == expected
    assert config["created"] == "2026-11-21T10:00:00Z"
    assert [entry["created_by"] for entry in config["history"]] == [
        "base",
        "hublish: virtual environment",
        "hublish: home",
        "hublish: beta 1.0",
        "hublish: alpha 1.0",
        "hublish: source",
    ]


def test_image_holds_environment_home_and_source(bench):
    """Modes and owners follow the rules of the image, whatever the machine's are."""
    expected = {
        "/opt/hublish/venv/bin/python": (0o777, 0, "/usr/bin/python3.11"),
        "/opt/hublish/venv/bin/alpha": (0o775, 0, ""),
        f"{SITE}/alpha/__init__.py": (0o664, 0, ""),
        "/home/jovyan": (0o775, 1000, ""),
        "/srv/repo/README.md": (0o644, 0, ""),
        "/opt": (0o755, 0, ""),
    }

    bench.build()
    files = bench.images.files(TARGET)

    assert {path: (files[path].mode, files[path].uid, files[path].linkname) for path in expected} == expected
    assert bench.images.read(TARGET, "/opt/hublish/venv/bin/alpha").startswith(b"#!/opt/hublish/venv/bin/python\n")
    assert bench.images.read(TARGET, "/etc/passwd") == (
        b"root:x:0:0:root:/root:/bin/bash\njovyan:x:1000:0::/home/jovyan:/bin/bash\n"
    )


def test_outcome_says_what_was_done(bench):
    """Packages, layers with their transfer, sizes and the times of the steps are told."""
    outcome = bench.build()

    assert outcome.packages == (("alpha", "1.0"), ("beta", "1.0"))
    assert [(layer.title, layer.transfer) for layer in outcome.layers] == [
        ("base layer", "mounted"),
        ("virtual environment", "uploaded"),
        ("home", "uploaded"),
        ("beta 1.0", "uploaded"),
        ("alpha 1.0", "uploaded"),
        ("source", "uploaded"),
    ]
    assert outcome.size_bytes > outcome.uploaded_bytes > 0
    assert [name for name, _ in outcome.step_seconds] == ["base", "packages", "layers", "push"]


def test_progress_ends_each_step_with_all_units(bench):
    """The last word of each step says that all of it is done."""
    bench.build()

    last = {progress.step: (progress.done, progress.total) for progress in bench.progress}

    assert last[Step.PACKAGES] == (2, 2)
    assert last[Step.LAYERS] == (2, 2)
    assert last[Step.PUSH][0] == last[Step.PUSH][1]


def test_bytes_do_not_depend_on_target_owner_or_trust(bench):
    """The last three fields of a plan name the build and never change the image."""
    first = bench.build()

    second = bench.build(
        bench.plan(source_repo_id=9, target_repository="other.example.org/x", trust=Trust.FORK), workspace="second"
    )

    assert second.digest == first.digest


def test_processes_make_the_same_bytes(bench):
    """One worker or two, in this process or others: the same digest."""
    for name in ("gamma", "delta"):
        blob = hashlib.shake_256(name.encode()).digest(1 << 20)
        bench.add_package(name, files={f"{name}/data.bin": blob, f"{name}/__init__.py": "x = {1, 2}\n"})
    plan = bench.plan(bytecode=True)

    digests = {bench.build(plan, workspace=f"w{workers}", workers=workers).digest for workers in (1, 2)}

    assert len(digests) == 1


def test_process_that_dies_is_told(bench, monkeypatch):
    """A worker that is killed, most likely for want of memory, ends the build with what to do."""
    bench.add_package("gamma", files={"gamma/data.bin": hashlib.shake_256(b"gamma").digest(2 << 20)})
    monkeypatch.setattr(workshop, "make_wheel_layer", die)

    with pytest.raises(BuildFailed, match="a process that makes layers died"):
        bench.build(workers=2)


def add_big_packages(bench: Bench, *names: str) -> None:
    for name in names:
        blob = hashlib.shake_256(name.encode()).digest(2 << 20)
        bench.add_package(name, files={f"{name}/data.bin": blob, f"{name}/__init__.py": "x = 1\n"})


def test_layers_begin_and_are_pushed_while_others_are_awaited(bench, monkeypatch):
    """A finished layer stands in the registry before the last one is made; none is made or counted twice."""
    add_big_packages(bench, "gamma", "delta", "epsilon")
    expected = bench.build(workspace="inline", target=TARGET.with_tag("first"))
    events: list[str] = []
    submit = workshop.Workshop._submit
    monkeypatch.setattr(
        workshop.Workshop, "_submit", lambda self, group: events.append("begin " + group.title) or submit(self, group)
    )
    # Small ones still come at the end, from the same place.
    bench.images.blobs = {place: body for place, body in bench.images.blobs.items() if place[0] != TARGET.name}

    outcome = bench.build(workspace="processes", workers=2)

    assert {"begin delta 1.0", "begin epsilon 1.0", "begin gamma 1.0"} <= set(events)
    assert len(events) == len(set(events))
    assert outcome.digest == expected.digest
    assert [layer.transfer for layer in outcome.layers][1:] == ["uploaded"] * (len(outcome.layers) - 1)
    assert outcome.uploaded_bytes == expected.uploaded_bytes


def test_index_that_lies_about_sizes_changes_nothing(bench, monkeypatch):
    """What is begun by stated sizes is dropped when the real ones make other groups."""
    add_big_packages(bench, "gamma", "delta")
    expected = bench.build(workspace="honest").digest
    list_files = bench.index.list_files
    bench.index.list_files = lambda source, name, **given: tuple(
        replace(file, size_bytes=3 << 20 if file.size_bytes < 1 << 20 else 10)
        for file in list_files(source, name, **given)
    )

    assert bench.build(workspace="lied", workers=2).digest == expected


def test_no_more_is_pushed_ahead_than_the_image_may_hold(bench):
    """A build that is over its limit leaves no more than the limit in the registry, and no manifest."""
    add_big_packages(bench, "gamma", "delta", "epsilon")

    with pytest.raises(BuildFailed, match="the limit is"):
        bench.build(bench.plan(size_bytes=5 << 20), workers=2)

    pushed_bytes = sum(len(bench.images.blobs[place]) for place in bench.images.pushed)
    assert (2 << 20) < pushed_bytes <= (5 << 20)
    assert bench.images.fetch_manifest(TARGET) is None


def test_base_of_too_many_layers_is_refused(bench):
    """Said before a wheel is installed."""
    layers = [make_tar({**TINY_BASE, f"/opt/{number}": b""}) for number in range(116)]
    bench.images.add_image(BASE, layers)

    with pytest.raises(BaseUnsupported, match="the base has 116 layers"):
        bench.build()

    assert bench.images.pushed == []


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_workers_end_when_their_parent_is_killed(tmp_path):
    """kill -9 of the service leaves no process behind that waits for work for ever."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import multiprocessing, os, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from hublish.builders.wheels.workshop import prepare_worker\n"
        "if __name__ == '__main__':\n"
        "    context = multiprocessing.get_context('spawn')\n"
        "    pool = ProcessPoolExecutor(1, mp_context=context, initializer=prepare_worker)\n"
        "    print(pool.submit(os.getpid).result(), flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + 240
    while is_running(worker) and time.monotonic() < deadline:
        time.sleep(0.05)

    assert not is_running(worker)


def test_bytecode_for_another_python_is_refused(bench, monkeypatch):
    """A builder of another version would make other bytes under the same plan."""
    monkeypatch.setattr(layered_build, "can_compile_for", lambda _: False)

    with pytest.raises(BuildFailed, match=r"byte-code for Python 3\.11\.2"):
        bench.build(bench.plan(bytecode=True))


def test_bytecode_is_compiled_and_recorded(bench):
    """Modules get unchecked-hash byte-code that RECORD lists, so that an installer can remove it."""
    cached = f"{SITE}/alpha/__pycache__/__init__.{TAG}.pyc"

    bench.build(bench.plan(bytecode=True))
    record = bench.images.read(TARGET, f"{SITE}/alpha-1.0.dist-info/RECORD").decode()

    assert bench.images.read(TARGET, cached)[4:8] == b"\x01\0\0\0"
    assert f"alpha/__pycache__/__init__.{TAG}.pyc,sha256=" in record


def test_two_wheels_with_one_path_and_other_bytes_are_refused(bench):
    """What pip would silently overwrite ends the build, with both names."""
    bench.add_package("gamma", files={"shared.py": "x = 1\n"})
    bench.add_package("delta", files={"shared.py": "x = 2\n"})

    with pytest.raises(BuildFailed) as caught:
        bench.build()

    assert caught.value.message == (
        f"gamma-1.0-py3-none-any.whl and delta-1.0-py3-none-any.whl both bring {SITE}/shared.py, with different bytes"
    )


def test_two_wheels_with_one_path_and_the_same_bytes_are_fine(bench):
    """Namespace packages ship the same empty file many times."""
    bench.add_package("gamma", files={"space/__init__.py": ""})
    bench.add_package("delta", files={"space/__init__.py": ""})

    bench.build()

    assert bench.images.read(TARGET, f"{SITE}/space/__init__.py") == b""


def test_file_of_one_wheel_that_is_a_folder_of_another_is_refused(bench):
    """No unpacker can have both."""
    bench.add_package("gamma", files={"thing": "x"})
    bench.add_package("delta", files={"thing/a.py": "x"})

    with pytest.raises(BuildFailed) as caught:
        bench.build()

    assert caught.value.message == (
        f"gamma-1.0-py3-none-any.whl brings {SITE}/thing as a file, "
        "delta-1.0-py3-none-any.whl brings files in a folder of that name"
    )


def test_wheel_that_brings_the_interpreter_is_refused(bench):
    """A data file over the environment's own python would replace what everything starts with."""
    bench.add_package("evil", files={"evil-1.0.data/scripts/python": "#!python\n"})

    with pytest.raises(BuildFailed, match="which the environment itself needs"):
        bench.build()


@pytest.mark.parametrize("environment", list(Environment))
@pytest.mark.parametrize("name", ["bin", "lib", "lib/python3.11"])
def test_wheel_that_brings_a_file_in_place_of_the_environments_folder_is_refused(bench, environment, name):
    """An unpacker would throw the whole folder away, the interpreter with it."""
    bench.add_package("evil", files={f"evil-1.0.data/data/{name}": "x"})

    with pytest.raises(BuildFailed, match=f"brings .*/{name}, which the environment itself needs"):
        bench.build(bench.plan(environment=environment))


def test_unmet_requirements_are_listed_before_a_layer_is_made(bench):
    """A lock made for another Python leaves packages out; all that is missing is said at once."""
    bench.add_package("gamma", requires=["missing>1", "alpha<1", "other; python_version < '3'", "broken requirement !"])

    with pytest.raises(BuildFailed) as caught:
        bench.build()

    assert caught.value.message == (
        "the locked packages do not fit together: "
        "gamma 1.0 requires missing>1, but missing is not among them for Python 3.11.2; "
        "gamma 1.0 requires alpha<1, but 1.0 is locked"
    )
    assert "Python 3.11.2" in caught.value.hint
    assert not (bench.folder / "workspace" / "blobs").exists()


def test_too_large_image_is_refused_before_the_push(bench):
    """The limit counts compressed bytes; the largest layers are named and nothing is uploaded."""
    with pytest.raises(BuildFailed, match=r"the limit is 0\.0 MiB; base .* largest layers: home") as caught:
        bench.build(bench.plan(size_bytes=1000))

    assert "limits.size" in caught.value.hint
    assert bench.images.pushed == []


def test_cancelled_build_stops_and_pushes_nothing(bench):
    """The question is asked between units of work."""
    with pytest.raises(BuildCancelled):
        bench.build(cancelled=lambda: True)

    assert bench.images.pushed == []


def test_cancel_while_processes_work_stops_the_build(bench):
    """Units that have not started are dropped; no manifest names the layers that stand there already."""
    for name in ("gamma", "delta", "epsilon"):
        bench.add_package(name, files={f"{name}/data.bin": hashlib.shake_256(name.encode()).digest(2 << 20)})
    answers = iter([False] * 10)

    with pytest.raises(BuildCancelled):
        bench.build(cancelled=lambda: next(answers, True))

    assert bench.images.fetch_manifest(TARGET) is None


@pytest.mark.parametrize(
    ("number", "error", "message"),
    [
        (errno.ENOSPC, DiskFull, "no space left in the workspace for the build"),
        (errno.EIO, BuildFailed, "the build failed: .*cable"),
    ],
)
def test_error_of_the_disk_is_told_as_what_it_is(bench, number, error, message):
    """A full disk may be retried; another error of the system ends the build with its text."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "cable")

    bench.images.ensure_blob = fail

    with pytest.raises(error, match=message):
        bench.build()


def test_other_digest_reported_by_the_registry_is_refused(bench):
    """What was pushed must be what stands there."""
    bench.images.ensure_manifest = lambda *_, **__: "sha256:" + "0" * 64

    with pytest.raises(ImageInvalid, match=r"expected the digest sha256:.* back, got sha256:000"):
        bench.build()


def test_source_that_changes_while_it_is_packed_is_refused(bench):
    """The plan names a tree; other bytes are never packed under its name."""
    bench.source.bodies["README.md"] = b"HELLO\n"

    with pytest.raises(SourceInvalid, match=r"README\.md changed while the image was built"):
        bench.build()


def test_links_and_executables_of_the_source_are_kept(bench):
    """A link is never followed; the executable bit survives."""
    bench.source = FakeSource(
        {"run.sh": b"#!/bin/sh\n", "out": "-> ../../etc/passwd"}, executable=frozenset({"run.sh"})
    )

    bench.build()
    files = bench.images.files(TARGET)

    assert (files["/srv/repo/run.sh"].mode, files["/srv/repo/out"].linkname) == (0o755, "../../etc/passwd")


def test_plan_without_a_base_is_refused(bench):
    """A layered plan always has one."""
    with pytest.raises(BuildFailed, match="without a base"):
        bench.build(bench.plan(base=None))


def test_missing_wheel_stops_the_build(bench):
    """A file that is gone from the index is said by name."""
    bench.index.gone.add("alpha-1.0-py3-none-any.whl")

    with pytest.raises(WheelMissing, match=r"alpha-1\.0-py3-none-any\.whl is gone"):
        bench.build()


def test_broken_wheel_stops_the_build(bench):
    """An archive that is none is said by name."""
    digest = bench.index.add("broken-1.0-py3-none-any.whl", b"no zip")
    bench.add_package("broken")
    bench.packages = [
        package if package.name != "broken" else type(package)(**{**_fields(package), "hashes": (digest,)})
        for package in bench.packages
    ]
    bench.index.wheels["broken-1.0-py3-none-any.whl"] = b"no zip"

    with pytest.raises(WheelInvalid, match=r"broken-1\.0-py3-none-any\.whl: not a wheel that can be installed"):
        bench.build()


def _fields(package: object) -> dict:
    return {name: getattr(package, name) for name in package.__dataclass_fields__}


def test_base_of_its_own_user_keeps_it(tmp_path):
    """A base that names a user keeps user, home and entry point; no passwd entry is added."""
    bench = Bench(tmp_path)
    bench.add_base(
        {"/etc/passwd": b"app:x:1001:0:app:/opt/app:/bin/sh\n"},
        user="app",
        entrypoint=("/init",),
        labels=(("org.opencontainers.image.title", "the base"), ("io.openshift.expose-services", "8080")),
        history=(),
    )

    bench.build()
    config = read_config(bench)

    assert config["config"]["User"] == "1001:0"
    assert config["config"]["WorkingDir"] == "/opt/app"
    assert config["config"]["Entrypoint"][:2] == ["/init", "/opt/hublish/venv/bin/python"]
    assert config["config"]["Labels"]["io.openshift.expose-services"] == "8080"
    assert "org.opencontainers.image.title" not in config["config"]["Labels"]
    assert [entry["created_by"] for entry in config["history"]][:2] == ["base layer", "base layer"]
    assert "/home/jovyan" not in bench.images.files(TARGET)


def test_base_environment_replaces_what_the_base_has(tmp_path):
    """Installing over an older distribution hides its whole .dist-info folder, or an empty one would be left."""
    bench = Bench(tmp_path)
    info = f"{BASE_SITE}/alpha-0.5.dist-info"
    record = (
        "alpha/__init__.py,,\nalpha/old.py,,\nalpha-0.5.dist-info/RECORD,,\nalpha-0.5.dist-info/METADATA,,\n"
        "../../../bin/alpha,,\nshared/a.py,,\n../../../../../etc/passwd,,\n"
    )
    bench.add_base(
        {
            f"{BASE_SITE}/alpha/__init__.py": b"old",
            f"{BASE_SITE}/alpha/old.py": b"old",
            f"{BASE_SITE}/alpha/__pycache__/old.{TAG}.pyc": b"old",
            f"{BASE_SITE}/shared/a.py": b"old",
            f"{BASE_SITE}/shared/b.py": b"of another",
            f"{info}/RECORD": record.encode(),
            f"{info}/METADATA": b"Name: alpha\n",
            "/usr/local/bin/alpha": b"#!/usr/bin/python3\n",
        }
    )
    bench.add_package("alpha", "1.0", scripts={"alpha": "alpha:main"})

    bench.build(bench.plan(environment=Environment.BASE))
    files = bench.images.files(TARGET)
    hidden = sorted(path for path in files if "/.wh." in path)

    assert hidden == [
        "/usr/local/bin/.wh.alpha",
        f"{BASE_SITE}/.wh.alpha",
        f"{BASE_SITE}/.wh.alpha-0.5.dist-info",
        f"{BASE_SITE}/shared/.wh.a.py",
    ]
    assert (files[f"{BASE_SITE}/alpha/__init__.py"].mode, files[f"{BASE_SITE}/alpha/__init__.py"].gid) == (0o664, 50)
    assert "replacing alpha 0.5 of the base" in bench.log
    assert bench.images.read(TARGET, "/usr/local/bin/alpha").startswith(b"#!/usr/bin/python3.11\n")
    assert read_config(bench)["config"]["Env"][0] == "PATH=/usr/local/bin:/usr/bin:/bin"


def test_replaced_package_of_the_base_that_lists_no_files_is_told(tmp_path):
    """Its metadata is hidden, so that the locked version counts; the log says that files may be left."""
    bench = Bench(tmp_path)
    bench.add_base({f"{BASE_SITE}/alpha-0.5.egg-info": b"Name: alpha\n", f"{BASE_SITE}/alpha.py": b"old"})
    bench.add_package("alpha", "1.0")

    bench.build(bench.plan(environment=Environment.BASE))

    assert [path for path in bench.images.files(TARGET) if "/.wh." in path] == [f"{BASE_SITE}/.wh.alpha-0.5.egg-info"]
    assert (
        "warning: the base does not say which files alpha 0.5 brought; those that the locked version does not replace stay"
    ) in bench.log


def test_base_is_pinned_in_the_registry_of_the_target(bench):
    """The base's layers are mounted, not sent, when both lie on one registry."""
    bench.build()

    base = parse_manifest(bench.images.fetch_manifest(BASE).body)

    assert (TARGET.name, base.layers[0].digest) not in bench.images.pushed
    assert (TARGET.name, base.layers[0].digest) in bench.images.blobs


def test_base_of_another_registry_is_copied(bench):
    """Layers that cannot be mounted go through this machine; sizes add up to what was sent."""
    target = Reference(registry="elsewhere.example.org", repository="team/ts", tag="build-1")

    outcome = bench.build(target=target)

    assert outcome.layers[0].transfer == "uploaded"
    assert outcome.uploaded_bytes == outcome.size_bytes
    assert bench.progress[-1].done == outcome.size_bytes


def test_commit_and_tag_of_the_base_are_stated_where_known(bench):
    """A working tree has no commit to state."""
    bench.source = FakeSource({"README.md": b"x"}, commit=None)

    bench.build()

    assert "org.opencontainers.image.revision" not in read_config(bench)["config"]["Labels"]


def test_config_of_the_image_lists_all_diff_ids(bench):
    """One diff ID for each layer, base first."""
    bench.build()
    manifest = parse_manifest(bench.images.fetch_manifest(TARGET).body)

    spec = parse_spec(bench.images.blobs[TARGET.name, manifest.config.digest])

    assert len(spec.diff_ids) == len(manifest.layers) == 6


def test_progress_values_are_of_the_shared_type(bench):
    """Sinks get values, not texts."""
    bench.build()

    assert all(isinstance(progress, Progress) for progress in bench.progress)
