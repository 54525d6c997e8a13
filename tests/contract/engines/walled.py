"""A program in a network namespace of its own: who of its addresses does a build reach? Prints JSON as its last line.

`unshare --net python -m tests.contract.engines.walled FOLDER`, as root. The namespace has a metadata service's address and
a private one, with a listener on all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hublish.core.reference import parse_reference
from hublish.engines.buildah import NetworkMode
from tests.contract.engines.parts import Sources, Yard, succeed
from tests.contract.engines.subjects import make_buildah, make_engine
from tests.sandbox.base_image import make_busybox_base, push_layout
from tests.sandbox.registry import Registry

METADATA, PRIVATE, LOOPBACK, GATEWAY = "169.254.169.254", "10.77.0.1", "127.0.0.1", "10.0.2.2"
NETWORK = (
    "link set lo up",
    f"addr add {METADATA}/32 dev lo",
    f"addr add {PRIVATE}/32 dev lo",
)


HEARD: list[str] = []


class Ear(BaseHTTPRequestHandler):
    """Answers whoever calls."""

    def do_GET(self) -> None:
        HEARD.append(self.headers["Host"].split(":")[0])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main(place: Path) -> None:
    for command in NETWORK:
        subprocess.run(("ip", *command.split()), check=True, timeout=120)
    server = ThreadingHTTPServer(("0.0.0.0", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as scratch, Registry.start(Path(scratch) / "registry") as registry:
        digest = push_layout(make_busybox_base(Path(scratch) / "base"), registry.host, "base/busybox", "1")
        base = parse_reference(f"{registry.host}/base/busybox:1").with_digest(digest)
        yard = Yard(
            registry=registry,
            base=base,
            sources=Sources({}),
            folder=Path(scratch) / "layers",
            base_layout=Path(scratch),
        )
        found = {
            name: call(yard, place, name, reachable, port=server.server_port)
            for name, reachable in {"closed": (), "opened": ("10.77.0.0/24",)}.items()
        }
    server.shutdown()
    print(json.dumps(found))


def call(yard: Yard, place: Path, name: str, reachable: tuple[str, ...], *, port: int) -> list[str]:
    """Build something that calls all addresses; returns those that heard it."""
    HEARD.clear()
    calls = "; ".join(
        f'printf "GET / HTTP/1.0\\r\\nHost: {address}\\r\\n\\r\\n" | nc -w 3 {address} {port}'
        for address in (METADATA, PRIVATE, LOOPBACK, GATEWAY)
    )
    engine = make_engine(
        make_buildah(place, network=NetworkMode.ISOLATED, reachable=reachable),
        name="buildah",
        folder=Path(yard.folder),
        sources=yard.sources,
        images=yard.images,
        output=yard.images,
    )
    with closing(engine):
        succeed(engine, yard.ask(f"FROM BASE\nRUN echo {name}; {calls}; true\n", name=name))
    return sorted(HEARD)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
