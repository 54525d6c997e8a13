"""The service's own disk is full: what cannot be stored is not promised, and nothing is lost once there is room."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import (
    commit_and_release,
    find_delivery,
    publish,
    read_answers,
    redeliver_release,
    wait_for_ref,
    wait_until,
)
from tests.sandbox.index import Fault
from tests.sandbox.town import SOURCE_REPO, Town

pytestmark = [
    pytest.mark.github,
    pytest.mark.registry,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk"),
]

DISK_BYTES = 32 << 20
LEFT_BYTES = 3 << 20
WHEEL_BYTES = 6 << 20
STANDSTILL = ("effect will be tried again", "its disk is full")


@pytest.fixture
def small_town(quiet_town: Town) -> Iterator[Town]:
    """A running town whose service keeps everything, its database included, on a small disk."""
    data = quiet_town.folder / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(data)], check=True, timeout=60)
    try:
        quiet_town.start_service()
        yield quiet_town
    finally:
        quiet_town.stop_service()
        subprocess.run(["umount", str(data)], check=True, timeout=60)


def fill(town: Town, *, leave_bytes: int) -> Path:
    """Fill the disk but for so many bytes; returns the file that does."""
    ballast = town.folder / "data" / "ballast"
    disk = os.statvfs(ballast.parent)
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for _ in range((disk.f_bavail * disk.f_bsize - leave_bytes) // disk.f_bsize):
            file.write(bytes(disk.f_bsize))
    return ballast


def test_build_that_fills_the_disk_is_answered_and_delivered_later(small_town: Town) -> None:
    """A build that finds no room is answered as such; with room again a redelivery delivers it."""
    town = small_town
    town.index.add_wheel("large", "1.0", {"large/data.bin": os.urandom(WHEEL_BYTES)})
    town.github.commit_files(SOURCE_REPO, town.make_source_files({"large": "1.0"}), message="large")
    ballast = fill(town, leave_bytes=LEFT_BYTES)

    refused = publish(town, "v1.0")
    ballast.unlink()
    redeliver_release(town, "v1.0")
    (first, delivered) = read_answers(town, "v1.0")

    assert first == refused
    assert refused.startswith("**Not delivered:** `v1.0`")
    assert "DiskFull" in refused, refused
    assert "**What to do:**" in refused
    assert delivered.startswith("**Delivered:** `v1.0`")


def test_delivery_that_cannot_be_stored_is_not_promised(small_town: Town) -> None:
    """With no room for the delivery itself GitHub gets a 503, the service goes on, and a redelivery is delivered."""
    town = small_town
    ballast = fill(town, leave_bytes=0)
    commit_and_release(town, "v1.0")
    town.github.await_deliveries()
    refused = find_delivery(town, "v1.0")["status_code"]
    health = town.get("/healthz")[0]
    ballast.unlink()
    town.github.redeliver(find_delivery(town, "v1.0")["id"])
    wait_for_ref(town, "v1.0")
    (answer,) = read_answers(town, "v1.0")

    assert (refused, health) == (503, 200)
    assert answer.startswith("**Delivered:** `v1.0`")


def test_disk_that_fills_up_during_a_run_makes_it_wait(small_town: Town) -> None:
    """With no room for a single row a run in the middle stands still, and comes to its one answer when there is room."""
    town = small_town
    go_on = threading.Event()
    town.index.add_fault(Fault(path_regex=r"six", times=1, gate=go_on))
    commit_and_release(town, "v1.0")
    wait_until(lambda: any("six" in call.path for call in town.index.calls))
    ballast = fill(town, leave_bytes=0)
    go_on.set()
    # By the run's own step, or by the row that the workflow engine writes of it.
    wait_until(lambda: any(sign in town.read_service_log() for sign in STANDSTILL))
    ballast.unlink()
    (run,) = wait_for_ref(town, "v1.0")
    (answer,) = read_answers(town, "v1.0")

    # Whether the build itself met the full disk is a matter of milliseconds; both answers are right.
    assert (run["state"], answer.splitlines()[0].split(" at ")[0]) in (
        ("delivered", "**Delivered:** `v1.0`"),
        ("failed", "**Not delivered:** `v1.0`"),
    )
    assert run["state"] == "delivered" or "\nDiskFull: " in answer
