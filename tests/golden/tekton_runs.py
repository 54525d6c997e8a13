"""The golden PipelineRuns: what hublish asks a cluster for, one of each kind of pod.

`python -m tests.golden.tekton_runs` writes `tekton_runs.yaml` anew; review its diff.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml

from hublish.core.building import BuildRequest, PodPart, PodScript
from hublish.core.locks.lock import IndexSource
from hublish.core.plan import Environment, Plan, Strategy, Trust
from hublish.core.reference import Reference
from hublish.core.repository import RefKind, Repository, ResolvedRef
from hublish.engines.tekton_run import RunChoices, make_run

RUNS = Path(__file__).with_suffix(".yaml")
HEADER = "# What hublish asks a cluster for. Written by `python -m tests.golden.tekton_runs`; review the diff.\n"
REGISTRY = "registry.example.org"
BASE = Reference(registry=REGISTRY, repository="base/python", tag="3.11", digest="sha256:" + "b" * 64)
LAYERED = Plan(
    strategy=Strategy.LAYERED,
    reason="a Pipfile.lock and no Dockerfile",
    ignored=(),
    builder="layered-3",
    base=BASE,
    platform="linux/amd64",
    python_full_version="3.11.2",
    environment=Environment.VENV,
    packages=(),
    indexes=(IndexSource(name="index", url="https://index.example.invalid/simple", verify_ssl=True),),
    bytecode=False,
    source_name="ts",
    source_path="/srv/repo",
    source_digest="sha256:" + "c" * 64,
    commit="a" * 40,
    created_at="2026-11-21T10:00:00Z",
    time_seconds=1800,
    size_bytes=4 << 30,
    source_repo_id=7,
    target_repository=f"{REGISTRY}/team/ts",
    trust=Trust.OWNER,
)
REQUEST = BuildRequest(
    name="build-0123456789abcdef01234567-1",
    plan=LAYERED,
    repository=Repository(id=7, owner="octocat", name="ts", installation_id=1, default_branch="main"),
    ref=ResolvedRef(name="release/v1.0", kind=RefKind.TAG, sha="a" * 40),
    target=Reference(registry=REGISTRY, repository="team/ts", tag="build-0123456789abcdef01234567"),
)
LAYERED_CHOICES = RunChoices(
    image=f"{REGISTRY}/hublish/service:1",
    namespace="hublish-builds",
    service_account="build",
    user=1000,
    cpu="2",
    memory="4Gi",
    link="https://hublish.example.org",
)
PART = PodPart(
    build=REQUEST.name,
    script=PodScript(
        title="the wheel of wordy 1.0",
        text="true",
        files=Reference(registry=REGISTRY, repository="team/ts", digest="sha256:" + "d" * 64),
        network=False,
    ),
)
CONTAINER_CHOICES = replace(LAYERED_CHOICES, image=f"{REGISTRY}/hublish/build:1", namespace="hublish-builds-baseline")


def render_runs() -> str:
    """The whole file: one document for each strategy, one of a Dockerfile that is given secrets, one of a wheel's build."""
    requests = {
        strategy: replace(REQUEST, plan=replace(LAYERED, strategy=strategy, dockerfile=None)) for strategy in Strategy
    }
    documents = [
        make_run(request, choices=LAYERED_CHOICES if strategy is Strategy.LAYERED else CONTAINER_CHOICES)
        for strategy, request in requests.items()
    ]
    dockerfile = requests[Strategy.DOCKERFILE]
    documents.append(
        make_run(replace(dockerfile, name="build-with-secrets"), choices=CONTAINER_CHOICES, has_build_secrets=True)
    )
    documents.append(make_run(replace(dockerfile, name="build-wheel", part=PART), choices=CONTAINER_CHOICES))
    return HEADER + yaml.safe_dump_all(documents, sort_keys=False)


if __name__ == "__main__":
    RUNS.write_text(render_runs())
