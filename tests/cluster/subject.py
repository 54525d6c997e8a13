"""Builds in pods as a subject of the suite that every engine passes: see `tests.contract.engines.subjects.Subject`.

The Steps are scripts: they tell of themselves as the real ones do, stop where a test wants to find them, and push.
"""

from __future__ import annotations

import json
import secrets
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hublish.core.building import BuildRequest, BuildStopped, BuildSucceeded, Progress, Step
from hublish.core.podlines import render_message
from hublish.core.ports import Engine
from hublish.core.reference import Reference
from hublish.oci.manifest import make_digest
from tests.cluster.cluster import Cluster
from tests.cluster.scripted import FETCH, HOLD, RESULTS, open_engine
from tests.contract.engines.subjects import GONE
from tests.golden.tekton_runs import REQUEST
from tests.sandbox.base_image import push_layout
from tests.sandbox.registry import RegistryContent

FETCH_STEPS, BUILD_STEPS, PUSH_STEPS = (Step.FETCH, Step.BASE), (Step.PACKAGES, Step.LAYERS), (Step.PUSH,)
STOPPED_IN = "stopped-in-"
# netcat would hang up as soon as it has said all: it is kept talking until the answer is there.
PUSH = """answered() {{ [ -s /work/answer ]; }}
{{
    printf 'PUT /v2/{repository}/manifests/built HTTP/1.0\\r\\nHost: {host}\\r\\n'
    printf 'Content-Type: {type}\\r\\nContent-Length: {length}\\r\\n\\r\\n'
    cat /secrets/push/manifest
    for _ in $(seq 600); do answered && break; sleep 0.1; done
}} | nc {address} {port} >/work/answer
grep -q ' 201 ' /work/answer || exit 1
printf {digest} >$RESULT_IMAGE_DIGEST
"""


@dataclass
class TektonSubject:
    """Scripts in pods.

    Attributes:
        cluster: where.
        folder: has the account's kubeconfig.
        layout: the image that every build pushes.
    """

    cluster: Cluster
    folder: Path
    layout: Path
    steps = (*FETCH_STEPS, *BUILD_STEPS, *PUSH_STEPS)
    failure = (Step.PACKAGES, "the packages do not fit together")
    time_seconds = REQUEST.plan.time_seconds
    scripts: dict[str, Mapping[str, Mapping[str, bytes]]] = field(default_factory=dict)
    place: str = field(default_factory=lambda: f"contract-{secrets.token_hex(4)}")

    def open_engine(
        self, *, clock: Callable[[], float] = time.monotonic, fetching: Callable[[], object] | None = None
    ) -> Engine:
        def make_files(request: BuildRequest) -> Mapping[str, Mapping[str, bytes]]:
            if fetching is not None:
                fetching()
            return self.scripts[request.name]

        return open_engine(self.cluster, folder=self.folder, make_files=make_files, clock=clock)

    def ask(self, name: str) -> BuildRequest:
        return self._ask(name, {})

    def ask_failing(self, name: str) -> BuildRequest:
        step, message = self.failure
        return self._ask(name, {step: BuildStopped(code="BuildFailed", message=message, hint="", step=step)})

    def ask_baseless(self, name: str) -> BuildRequest:
        stopped = BuildStopped(code="BaseUnsupported", message=f"no image {GONE}", hint="", step=Step.BASE)
        return self._ask(name, {Step.BASE: stopped})

    def read_digest(self, name: str) -> str | None:
        target = self._name_target(name)
        body = RegistryContent(host=target.registry).manifest_bytes(target.repository, "built")
        return None if body is None else make_digest(body)

    def _ask(self, name: str, failures: Mapping[Step, BuildStopped]) -> BuildRequest:
        target = self._name_target(name)
        digest = push_layout(self.layout, target.registry, target.repository, "prepared")
        manifest = (self.layout / "blobs" / digest.replace(":", "/")).read_bytes()
        held = (
            Step.FETCH
            if name == "closed"
            else next((step for step in Step if name == f"{STOPPED_IN}{step.value}"), None)
        )

        def say(steps: tuple[Step, ...]) -> str:
            return "".join(_render_step(step, failure=failures.get(step), is_held=step is held) for step in steps)

        address, _, port = target.registry.partition(":")
        push = PUSH.format(
            repository=target.repository,
            host=target.registry,
            type=json.loads(manifest)["mediaType"],
            length=len(manifest),
            address=address,
            port=port,
            digest=digest,
        )
        succeeded = BuildSucceeded(
            digest=digest,
            size_bytes=1,
            layers=(),
            uploaded_bytes=1,
            packages=(),
            step_seconds=tuple((step.value, 1.0) for step in self.steps),
        )
        self.scripts[name] = {
            "fetch": {"script": (say(FETCH_STEPS) + FETCH).encode(), "build": say(BUILD_STEPS).encode()},
            "push": {
                "script": (say(PUSH_STEPS) + push + RESULTS + _render_print(render_message(succeeded))).encode(),
                "manifest": manifest,
            },
        }
        return replace(REQUEST, name=name, target=target)

    def _name_target(self, name: str) -> Reference:
        return Reference(registry=self.cluster.registry, repository=f"{self.place}/{name}", tag="built")


def _render_step(step: Step, *, failure: BuildStopped | None, is_held: bool) -> str:
    said = _render_print(render_message(Progress(step=step, done=0, total=1)))
    if failure is not None:
        return f"{said}{_render_print(render_message(failure))}exit 1\n"
    return said + HOLD if is_held else said


def _render_print(line: str) -> str:
    return f"printf '%s\\n' {shlex.quote(line)}\n"
