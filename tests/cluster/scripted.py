"""The engine `tekton` as bootstrap makes it, with pods whose `hublish` is a shell script that does what a test wants.

The Task is the real one, and so are cluster, Secrets and logs. A pod of busybox is up in seconds and can be made to misbehave.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hublish.adapters.registry import RegistryClient, RegistryRule
from hublish.core.plan import Strategy
from tests.cluster.access import ensure_tasks
from tests.cluster.cluster import Cluster
from tests.cluster.images import image_name, write_program_archive
from tests.golden.tekton_runs import LAYERED_CHOICES

NAME = "hublish-script"
PROGRAM = """#!/bin/sh
if [ "$2" = build ]; then exec sh /work/build; fi
exec sh "/secrets/$2/script"
"""
RESULTS = "for name in IMAGE_URL CHAINS_GIT_URL CHAINS_GIT_COMMIT; do eval printf x '>$'RESULT_$name; done\n"
FETCH = "cp /secrets/fetch/build /work/build\n"
"""The Step build has no Secret: it finds its script where fetch put it."""
# A shell that waits for a child in front hears of nothing else; this one ends as soon as its pod is to end.
HOLD = "trap 'exit 143' TERM; sleep 900 & wait\n"
GRACE_SECONDS = 5.0


def ensure_program(cluster: Cluster, folder: Path) -> None:
    """Make the image known to the nodes, and the Tasks to the cluster."""
    archive = write_program_archive(folder, NAME, program="hublish", script=PROGRAM)
    cluster.ensure_image(f"oci-archive:{archive}", NAME)
    ensure_tasks(cluster)


def open_engine(
    cluster: Cluster,
    *,
    folder: Path,
    make_files: Callable[..., Mapping[str, Mapping[str, bytes]]],
    clock: Callable[[], float] = time.monotonic,
    **choices: Any,
) -> Any:
    """An engine whose layered builds run the scripts.

    Args:
        cluster: where.
        folder: has the account's `kubeconfig`; gets the engine's own files.
        make_files: makes what the Steps of a build are given: their scripts.
        clock: seconds that only go up.
        choices: of the runs, changed.
    """
    os.environ["TEKTON_VERSION"] = "v1"
    from hublish.engines.tekton import TektonChoices, TektonEngine, open_cluster

    run = replace(LAYERED_CHOICES, **{"image": image_name(NAME), "user": 65532, **choices})
    return TektonEngine(
        TektonChoices(
            runs={Strategy.LAYERED: run},
            slots=8,
            keep_runs=0,
            keep_seconds=0,
            folder=folder / "engine",
            grace_seconds=GRACE_SECONDS,
        ),
        cluster=open_cluster(folder / "kubeconfig"),
        images=RegistryClient(rules={cluster.registry: RegistryRule(plain_http=True)}, allowed_hosts=None),
        make_files=make_files,
        clock=clock,
    )
