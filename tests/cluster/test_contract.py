"""What every engine does, done by pods: the suite of `tests.contract.engines`, as far as an engine decides.

Left out is the source that changed: there the program in the pod decides, and its own tests show it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.access import remove_runs, write_service_kubeconfig
from tests.cluster.cluster import RESTRICTED, Cluster
from tests.cluster.subject import TektonSubject
from tests.contract.engines.parts import wait_for
from tests.contract.engines.test_every_engine import (
    engine,
    test_base_that_is_gone_is_named,
    test_cancel_in_each_step_ends_the_build_as_cancelled,
    test_closing_leaves_a_running_build_without_an_outcome,
    test_failing_step_gives_reason_step_and_last_lines,
    test_name_that_is_known_is_adopted,
    test_success_ends_with_the_digest_that_the_registry_has,
    test_time_out_says_which_limit,
    test_two_builds_run_at_once,
)
from tests.sandbox.base_image import make_busybox_base

__all__ = [
    "engine",
    "test_base_that_is_gone_is_named",
    "test_cancel_in_each_step_ends_the_build_as_cancelled",
    "test_closing_leaves_a_running_build_without_an_outcome",
    "test_failing_step_gives_reason_step_and_last_lines",
    "test_name_that_is_known_is_adopted",
    "test_success_ends_with_the_digest_that_the_registry_has",
    "test_time_out_says_which_limit",
    "test_two_builds_run_at_once",
]
pytestmark = [pytest.mark.registry, pytest.mark.timeout(1500)]


@pytest.fixture
def subject(cluster: Cluster, program: None, tmp_path: Path) -> Iterator[TektonSubject]:
    """Tests of the suite use names more than once: each begins when nothing of the last one is left."""
    write_service_kubeconfig(cluster, tmp_path / "kubeconfig")
    yield TektonSubject(cluster, tmp_path, make_busybox_base(tmp_path / "busybox"))
    remove_runs(cluster)
    wait_for(
        lambda: True if cluster.kubectl.list("pods", RESTRICTED, selector="hublish.dev/strategy") == [] else None,
        what="the end of all pods",
    )
