"""kubectl, as far as the lane and its tests need it: text in, parsed objects out."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.commands import CommandFailed, run

POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubectl:
    """One cluster as one user sees it.

    Attributes:
        binary: of the cluster's own version.
        kubeconfig: the user's access; None asks the environment.
    """

    binary: str
    kubeconfig: Path | None

    def run(self, *arguments: str, text: str | None = None, seconds: float = 60) -> str:
        """Run kubectl; returns what it printed.

        Raises:
            CommandFailed: with kubectl's own words.
        """
        environment = dict(os.environ)
        if self.kubeconfig is not None:
            environment["KUBECONFIG"] = str(self.kubeconfig)
        return run(self.binary, *arguments, text=text, seconds=seconds, environment=environment)

    def apply(self, *documents: dict[str, Any], arguments: tuple[str, ...] = ()) -> None:
        """Apply objects on the server's side, as field manager `hublish-tests`."""
        text = yaml.safe_dump_all(documents)
        self.run("apply", "--server-side", "--field-manager=hublish-tests", *arguments, "-f", "-", text=text)

    def create(self, document: dict[str, Any]) -> dict[str, Any]:
        """Create an object; returns it as stored, its generated name included."""
        return dict(json.loads(self.run("create", "-f", "-", "-o", "json", text=yaml.safe_dump(document))))

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """An object; None when there is none of that name."""
        where = () if namespace is None else ("-n", namespace)
        answer = self.run("get", kind, name, *where, "-o", "json", "--ignore-not-found")
        return json.loads(answer) if answer.strip() else None

    def list(self, kind: str, namespace: str, *, selector: str = "") -> list[dict[str, Any]]:
        """All objects of a kind in a namespace, or those with the labels of `selector`."""
        answer = self.run("get", kind, "-n", namespace, "-o", "json", "-l", selector)
        return list(json.loads(answer)["items"])

    def delete(self, kind: str, name: str, namespace: str) -> None:
        """Delete an object and wait until it is gone; nothing when there is none."""
        self.run("delete", kind, name, "-n", namespace, "--ignore-not-found", "--wait", seconds=480)

    def read_log(self, pod: str, namespace: str, *, container: str) -> str:
        """What a container of a pod has printed so far."""
        return self.run("logs", pod, "-n", namespace, "-c", container)

    def await_object(
        self, kind: str, name: str, namespace: str, *, until: Callable[[dict[str, Any]], bool], seconds: float = 240
    ) -> dict[str, Any]:
        """Wait until an object is as `until` wants it; returns it.

        Raises:
            CommandFailed: it is not so after `seconds`; the message has its status.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = self.get(kind, name, namespace)
            if found is not None and until(found):
                return found
            if time.monotonic() > deadline:
                status = "there is none" if found is None else json.dumps(found.get("status"))[:2000]
                raise CommandFailed(f"{kind} {name} is not as expected after {seconds:.0f} s: {status}")
            time.sleep(POLL_SECONDS)
