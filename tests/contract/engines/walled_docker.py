"""Docker Engine in a network namespace of its own: whom does a build reach, before and after the rules that doctor names?

`unshare --net python -m tests.contract.engines.walled_docker`, as root; prints JSON as its last line. Behind the namespace
stands a neighbour with a private address, the metadata service's and a public one; all of them listen, and so does another
container on the bridge.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hublish.bootstrap.enginecheck import check_chosen_engines
from hublish.bootstrap.engines import make_docker
from hublish.core.reference import parse_reference
from hublish.enginesettings import DockerSettings, EngineSettings
from tests.contract.engines.parts import Sources, Yard, succeed, wait_for
from tests.contract.engines.subjects import make_engine
from tests.sandbox.base_image import make_busybox_base, push_layout
from tests.sandbox.docker_engine import DockerEngine
from tests.sandbox.registry import Registry

HOST, NEIGHBOUR, METADATA, PUBLIC = "10.77.0.1", "10.77.0.2", "169.254.169.254", "203.0.113.9"
PORT = 8099
WAIT_SECONDS = 240


class Ear(BaseHTTPRequestHandler):
    """Answers whoever calls."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def listen() -> None:
    server = ThreadingHTTPServer(("0.0.0.0", PORT), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def run(*commands: str) -> None:
    for command in commands:
        subprocess.run(command.split(), check=True, timeout=WAIT_SECONDS)


def be_neighbour() -> None:
    """In a namespace of its own: waits for its end of the cable, then listens until its input ends."""
    print("here", flush=True)
    sys.stdin.readline()
    addresses = (f"{NEIGHBOUR}/24", f"{METADATA}/32", f"{PUBLIC}/32")
    run("ip link set lo up", *(f"ip addr add {address} dev near" for address in addresses), "ip link set near up")
    listen()
    print("listening", flush=True)
    sys.stdin.readline()


def connect_neighbour() -> subprocess.Popen[str]:
    command = ("unshare", "--net", sys.executable, "-m", "tests.contract.engines.walled_docker", "neighbour")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("no pipes")
    process.stdout.readline()
    run(
        "ip link set lo up",
        "ip link add far type veth peer name near",
        f"ip link set near netns {process.pid}",
        f"ip addr add {HOST}/24 dev far",
        "ip link set far up",
    )
    process.stdin.write("\n")
    process.stdin.flush()
    process.stdout.readline()
    run(*(f"ip route add {address} via {NEIGHBOUR}" for address in (METADATA, PUBLIC)))
    return process


def start_container(engine: DockerEngine, layout: Path) -> str:
    """Start a container beside the builds, on their bridge, which answers this machine; returns its address."""
    digest = json.loads((layout / "index.json").read_bytes())["manifests"][0]["digest"]
    blobs = layout / "blobs" / "sha256"
    layer = json.loads((blobs / digest.removeprefix("sha256:")).read_bytes())["layers"][0]["digest"]
    engine.run("import", str(blobs / layer.removeprefix("sha256:")), "beside:1")
    answer = f"while true; do printf 'HTTP/1.0 200 OK\\r\\n\\r\\n' | nc -l -p {PORT}; done"
    engine.run("run", "--detach", "--name", "beside", "--network", "hublish", "beside:1", "sh", "-c", answer)
    address = str(json.loads(engine.run("inspect", "beside"))[0]["NetworkSettings"]["Networks"]["hublish"]["IPAddress"])

    def call() -> bool | None:
        try:
            with socket.create_connection((address, PORT), timeout=5) as connection:
                return connection.recv(12).startswith(b"HTTP") or None
        except OSError:
            return None

    wait_for(call, what="the container's answer")
    return address


def look(engine: DockerEngine, yard: Yard, name: str, *, beside: str) -> list[str]:
    """Build something that calls all addresses; returns those that answered."""
    gateway = json.loads(engine.run("network", "inspect", "hublish"))[0]["IPAM"]["Config"][0]["Gateway"]
    names = {gateway: "gateway", HOST: "host", NEIGHBOUR: "neighbour", METADATA: "metadata", PUBLIC: "public"}
    names[beside] = "container"
    # All at once, as each that nobody answers takes its seconds.
    calls = " ".join(
        f'(printf "GET / HTTP/1.0\\r\\n\\r\\n" | nc -w 5 {address} {PORT} 2>/dev/null | grep -q 200 && echo reached={word}) &'
        for address, word in names.items()
    )
    log: list[str] = []
    builder = make_engine(
        make_docker({"DOCKER_HOST": engine.host}, DockerSettings(host=engine.host)),
        name="docker",
        folder=yard.folder,
        sources=yard.sources,
        images=yard.images,
        output=yard.images,
    )
    with closing(builder):
        succeed(builder, yard.ask(f"FROM BASE\nRUN echo {name}; {calls} wait\n", name=name), Lines(log))
    return sorted(line.removeprefix("reached=") for line in log if line.startswith("reached="))


class Lines:
    """A BuildLog."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines

    def append(self, line: str) -> None:
        self._lines.append(line)


def check(engine: DockerEngine, folder: Path) -> tuple[bool, str]:
    """What doctor says of the network: whether it is well, and the command."""
    settings = EngineSettings(use=["docker"], docker=DockerSettings(host=engine.host))
    found = {item.name: item for item in check_chosen_engines(settings, data=folder)}["engines.docker.network"]
    return found.ok, found.hint


def main() -> None:
    neighbour = connect_neighbour()
    listen()
    with (
        tempfile.TemporaryDirectory() as scratch,
        DockerEngine.start(network=True) as engine,
        Registry.start(Path(scratch) / "registry") as registry,
    ):
        folder = Path(scratch)
        digest = push_layout(make_busybox_base(folder / "base"), registry.host, "base/busybox", "1")
        yard = Yard(
            registry=registry,
            base=parse_reference(f"{registry.host}/base/busybox:1").with_digest(digest),
            sources=Sources({}),
            folder=folder / "layers",
            base_layout=folder,
        )
        open_ok, hint = check(engine, folder)
        beside = start_container(engine, folder / "base")
        before = look(engine, yard, "open", beside=beside)
        command = hint.partition("`")[2].partition("`")[0]
        subprocess.run(("sh", "-euc", command), check=True, timeout=WAIT_SECONDS)
        closed_ok, _ = check(engine, folder)
        after = look(engine, yard, "closed", beside=beside)
        engine.run("rm", "--force", "beside")
    neighbour.communicate("\n", timeout=WAIT_SECONDS)
    print(json.dumps({"well": [open_ok, closed_ok], "open": before, "closed": after}))


if __name__ == "__main__":
    be_neighbour() if sys.argv[1:] else main()
