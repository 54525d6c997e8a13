"""The layered builder as a whole, in memory: what the image holds, what is refused, what never changes its bytes."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.wheels import workshop
from hublish.core.building import Progress, Step
from hublish.core.plan import Trust
from hublish.errors import (
    BuildFailed,
)
from hublish.oci.check import check_image
from hublish.oci.image import parse_spec
from hublish.oci.manifest import parse_manifest
from tests.fakes import FakeSource
from tests.unit.builders.layered.parts import SITE, TAG, add_big_packages, read_config
from tests.unit.builders.samples import TARGET, die


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


def test_bytecode_is_compiled_and_recorded(bench):
    """Modules get unchecked-hash byte-code that RECORD lists, so that an installer can remove it."""
    cached = f"{SITE}/alpha/__pycache__/__init__.{TAG}.pyc"

    bench.build(bench.plan(bytecode=True))
    record = bench.images.read(TARGET, f"{SITE}/alpha-1.0.dist-info/RECORD").decode()

    assert bench.images.read(TARGET, cached)[4:8] == b"\x01\0\0\0"
    assert f"alpha/__pycache__/__init__.{TAG}.pyc,sha256=" in record


def test_links_and_executables_of_the_source_are_kept(bench):
    """A link is never followed; the executable bit survives."""
    bench.source = FakeSource(
        {"run.sh": b"#!/bin/sh\n", "out": "-> ../../etc/passwd"}, executable=frozenset({"run.sh"})
    )

    bench.build()
    files = bench.images.files(TARGET)

    assert (files["/srv/repo/run.sh"].mode, files["/srv/repo/out"].linkname) == (0o755, "../../etc/passwd")


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
