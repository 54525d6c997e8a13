"""Wheels that are installed into a layer."""

from __future__ import annotations

from pathlib import Path

from hublish.builders.layered.environment import TargetEnvironment
from hublish.builders.wheels.wheellayer import WheelLayerJob, make_wheel_layer
from tests.sandbox.wheels import wheel_filename

DATA = "alpha-1.0.data"


def write(folder: Path, body: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / wheel_filename("alpha", "1.0")
    path.write_bytes(body)
    return path


def make_blob(folder: Path, environment: TargetEnvironment, path: Path, *, bytecode: bool = False) -> bytes:
    job = WheelLayerJob(wheels=(path,), environment=environment, bytecode=bytecode, folder=folder)
    return (folder / make_wheel_layer(job).blob.digest.removeprefix("sha256:")).read_bytes()
