"""What tests can do to the cluster: kill its processes, stand in for addresses of a cloud, start other registries."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from tests.cluster.cluster import RESTRICTED, Cluster
from tests.cluster.commands import CommandFailed, run
from tests.cluster.places import NODE_ADDRESS
from tests.cluster.runs import await_run, make_run, run_script
from tests.sandbox.base_image import push_layout
from tests.sandbox.registry import Registry

METADATA = "169.254.169.254"


@contextlib.contextmanager
def listen_on_metadata_address(cluster: Cluster, answer: str) -> Iterator[None]:
    """A web server on a cloud's metadata address, in the node's network only."""
    enter = cluster.enter_network()
    run(*enter, "ip", "address", "add", f"{METADATA}/32", "dev", "lo")
    program = (
        "import http.server, sys\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(sys.argv[2].encode())\n"
        "server = http.server.HTTPServer((sys.argv[1], 80), Handler)\n"
        "print('listening', flush=True)\n"
        "server.serve_forever()\n"
    )
    process = subprocess.Popen([*enter, sys.executable, "-c", program, METADATA, answer], stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        run(*enter, "ip", "address", "delete", f"{METADATA}/32", "dev", "lo")


def test_run_outlives_the_api_server(cluster, busybox):
    """A run goes on while the API server is killed, and ends well once it is back."""
    created = cluster.kubectl.create(make_run("#!/bin/sh\nsleep 8\necho done\n", image=busybox))
    name = created["metadata"]["name"]
    cluster.kubectl.await_object("pod", f"{name}-script-pod", RESTRICTED, until=lambda pod: "phase" in pod["status"])

    cluster.signal_process("kube-apiserver", signal.SIGKILL)
    deadline = time.monotonic() + 240
    while True:
        with contextlib.suppress(CommandFailed):
            assert cluster.kubectl.run("get", "--raw", "/readyz") == "ok"
            break
        assert time.monotonic() < deadline
        time.sleep(0.2)
    outcome = await_run(cluster, created)
    cluster.kubectl.delete("pipelinerun", name, RESTRICTED)

    assert (outcome.succeeded, outcome.log) == (True, "done\n")


def test_metadata_address_is_the_tests_own(cluster, busybox):
    """A pod that asks the metadata address meets the test's listener in the node's network, not this machine's."""
    with listen_on_metadata_address(cluster, "planted\n"):
        outcome = run_script(cluster, f"#!/bin/sh\nwget -q -O - http://{METADATA}/\n", image=busybox)

    assert outcome.log == "planted\n"


def test_node_pulls_from_another_registry_of_this_machine(cluster, base_layout, tmp_path):
    """A registry that a test starts for pods is pulled from, once the node may do so over plain HTTP."""
    with Registry.start(tmp_path / "registry", address=cluster.host_address) as other:
        cluster.allow_plain_registry(other.host)
        digest = push_layout(base_layout, other.host, "other/python", "3.11")

        outcome = run_script(cluster, "#!/bin/sh\necho pulled\n", image=f"{other.host}/other/python@{digest}")

    assert outcome.log == "pulled\n"


def test_pods_do_not_reach_etcd_nor_kubelet_without_credentials(cluster, busybox):
    """The store listens on the node's loopback only, and kubelet and API server refuse who names nobody."""
    script = (
        "#!/bin/sh\n"
        f"nc -w 3 {NODE_ADDRESS} 2379 </dev/null >/dev/null 2>&1 && echo etcd is open\n"
        f"wget -q --no-check-certificate -O - https://{NODE_ADDRESS}:10250/pods 2>&1 | grep -o '40[0-9] [A-Za-z]*'\n"
        f"wget -q --no-check-certificate -O - https://{NODE_ADDRESS}:6443/api/v1/namespaces 2>&1 | grep -o '40[0-9] [A-Za-z]*'\n"
        "exit 0\n"
    )

    outcome = run_script(cluster, script, image=busybox)

    assert outcome.log == "401 Unauthorized\n403 Forbidden\n"


def test_fork_bomb_ends_in_its_own_pod(cluster, busybox):
    """A pod gets 1024 processes and no more; the machine keeps the rest."""
    script = "#!/bin/sh\ni=0; while [ $i -lt 1500 ]; do sleep 5 & i=$((i+1)); done\necho all started\n"

    outcome = run_script(cluster, script, image=busybox)

    assert outcome.succeeded is False
    assert "can't fork" in outcome.log
    assert "all started" not in outcome.log
