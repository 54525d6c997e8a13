"""Images that were built, read again."""

from __future__ import annotations

import hashlib
import json
import sys

from hublish.oci.manifest import parse_manifest
from tests.unit.builders.samples import TARGET, Bench

TAG = sys.implementation.cache_tag
SITE = "/opt/hublish/venv/lib/python3.11/site-packages"


def read_config(bench: Bench) -> dict:
    manifest = parse_manifest(bench.images.fetch_manifest(TARGET).body)
    return json.loads(bench.images.blobs[TARGET.name, manifest.config.digest])


def add_big_packages(bench: Bench, *names: str) -> None:
    for name in names:
        blob = hashlib.shake_256(name.encode()).digest(2 << 20)
        bench.add_package(name, files={f"{name}/data.bin": blob, f"{name}/__init__.py": "x = 1\n"})
