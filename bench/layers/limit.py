"""The least that any builder of layers from wheels must do on this machine: fetch, inflate, and hash both forms.

An image's layers carry a digest of their compressed and one of their uncompressed bytes; to know the second, everything
is inflated once. Nothing is written, no header made, no byte-code compiled.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import shutil
import struct
import time
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import urllib3
from isal import isal_zlib

from bench.layers.meter import Measurement
from bench.layers.notebook import Notebook
from bench.layers.stage import IndexAccess
from bench.layers.targets import list_tags, read_tags
from hublish.adapters.index import HTTPPackageIndex
from hublish.core.locks.lockfile import IndexSource
from hublish.core.ports import IndexFile

CONNECTIONS = 8
WORKERS = 2
CHUNK = 1 << 20
LOCAL_HEADER_BYTES = 30
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def measure_limit(scratch: Path, index: IndexAccess) -> Measurement:
    """Measure it for the wheels of the large notebook; `cpu_s` is without the download."""
    scratch.mkdir(parents=True)
    try:
        client, source = index.open_client(scratch / "index")
        packages = Notebook().packages()
        files = run_parallel(lambda name: find_wheel(client, source, name, packages[name]["hashes"]), list(packages))
        pool = _open_pool(index.ca_file)
        began_at = time.monotonic()
        wheels = run_parallel(lambda file: fetch(pool, file, scratch), files)
        fetched_at = time.monotonic()
        with ProcessPoolExecutor(WORKERS, mp_context=multiprocessing.get_context("spawn")) as workers:
            # Starting the processes is no part of the limit.
            list(workers.map(time.sleep, [0.5] * WORKERS))
            inflating_at = time.monotonic()
            largest_first = sorted(wheels, key=lambda path: path.stat().st_size, reverse=True)
            seconds = sum(workers.map(process_wheel, largest_first))
            wall = time.monotonic() - inflating_at + fetched_at - began_at
        size = sum(wheel.stat().st_size for wheel in wheels)
        return Measurement(
            wall_s=round(wall, 3), cpu_s=round(seconds, 2), up_bytes=0, down_bytes=size, rss_bytes=0
        )  # fmt: skip
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def find_wheel(client: HTTPPackageIndex, source: IndexSource, name: str, hashes: Sequence[str]) -> IndexFile:
    """The wheel of a locked package that fits this machine best."""
    ranks = {tag: rank for rank, tag in reversed(list(enumerate(list_tags(platform.machine()))))}
    fitting = [
        (min(ranks[tag] for tag in read_tags(file.filename) if tag in ranks), file.filename, file)
        for file in client.list_files(source, name)
        if f"sha256:{file.sha256}" in hashes and not read_tags(file.filename).isdisjoint(ranks)
    ]
    return min(fitting)[2]


def _open_pool(ca_file: Path) -> urllib3.PoolManager:
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    if proxy:
        return urllib3.ProxyManager(proxy, maxsize=CONNECTIONS, ca_certs=str(ca_file))
    return urllib3.PoolManager(maxsize=CONNECTIONS, ca_certs=str(ca_file))


def fetch(pool: urllib3.PoolManager, file: IndexFile, folder: Path) -> Path:
    """Fetch a wheel."""
    path = folder / file.filename
    response = pool.request("GET", file.url, preload_content=False)
    with path.open("wb") as stream:
        for chunk in response.stream(CHUNK):
            stream.write(chunk)
    response.release_conn()
    return path


def process_wheel(wheel: Path) -> float:
    """Inflate and hash all members of a wheel; returns the processor seconds it took."""
    began_at = time.process_time()
    content = wheel.read_bytes()
    hashlib.sha256(content).digest()
    inflated = hashlib.sha256()
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            inflated.update(_read_member(content, member))
    return time.process_time() - began_at


def _read_member(content: bytes, member: zipfile.ZipInfo) -> bytes:
    lengths = struct.unpack_from("<HH", content, member.header_offset + LOCAL_HEADER_BYTES - 4)
    start = member.header_offset + LOCAL_HEADER_BYTES + sum(lengths)
    raw = content[start : start + member.compress_size]
    return raw if member.compress_type == zipfile.ZIP_STORED else isal_zlib.decompress(raw, -15)


def run_parallel(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Do work that waits for the network."""
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        return list(threads.map(work, items))
