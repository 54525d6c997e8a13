"""What is asked of a cluster before any pod: its version, Tekton, the account's rights and the Pipelines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import kubernetes
import pytest
import yaml

from hublish.bootstrap.doctor import Check
from hublish.bootstrap.pods.access import look_at_access
from hublish.core.plan import Strategy
from hublish.engines.tekton.access import RIGHTS, ClusterAccess
from tests.golden.tekton_runs import CONTAINER_CHOICES, LAYERED_CHOICES
from tests.sandbox.ports import Port
from tests.sandbox.serving import JSONHandler, serve

DEPLOYMENT = Path(__file__).parents[4] / "deploy" / "kubernetes"
CHOICES = {Strategy.LAYERED: LAYERED_CHOICES, Strategy.DOCKERFILE: CONTAINER_CHOICES}
RESTRICTED, BASELINE = LAYERED_CHOICES.namespace, CONTAINER_CHOICES.namespace
APPLY = "Apply deploy/kubernetes, or name other namespaces under `engines.tekton.namespaces`."


@dataclass
class Answers:
    """What the API server says."""

    status: int = 200
    groups: tuple[str, ...] = ("tekton.dev",)
    refused: frozenset[tuple[str, str]] = frozenset()
    """(verb, resource) that the account does not have."""
    all_refused: bool = False
    pipelines: tuple[str, ...] = ("hublish-layered", "hublish-dockerfile")
    namespaces: dict[str, int] = field(default_factory=dict)
    """Status of reading one; 403 when it is not named, as for the service's account."""

    def find(self, path: str) -> tuple[int, object]:
        last = path.rpartition("/")[2]
        if self.status != 200:
            return self.status, {"message": "no"}
        if path == "/version/":
            empty = ["buildDate", "compiler", "gitCommit", "gitTreeState", "goVersion", "major", "minor", "platform"]
            return 200, {**dict.fromkeys(empty, ""), "gitVersion": "v1.34.0"}
        if path == "/apis/":
            version = {"groupVersion": "g/v1", "version": "v1"}
            return 200, {"groups": [{"name": name, "versions": [version]} for name in self.groups]}
        if "/pipelines/" in path:
            return (200, {}) if last in self.pipelines else (404, {"message": "not found"})
        return self.namespaces.get(last, 403), {"message": "no"}

    def review(self, asked: dict[str, str]) -> bool:
        resource = "/".join(filter(None, (asked["resource"], asked["subresource"])))
        return not self.all_refused and (asked["verb"], resource) not in self.refused


@contextmanager
def open_server(answers: Answers) -> Iterator[kubernetes.client.Configuration]:
    """An API server with these answers, as the client's configuration."""

    class Handler(JSONHandler):
        def do_GET(self) -> None:
            self.answer(*answers.find(self.path))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            allowed = answers.review(body["spec"]["resourceAttributes"])
            self.answer(201, {"spec": body["spec"], "status": {"allowed": allowed}})

    with serve(Handler) as url:
        yield kubernetes.client.Configuration(host=url)


def look(answers: Answers, *, use: tuple[str, ...] = ("tekton",)) -> tuple[tuple[Check, ...], frozenset[str]]:
    """The checks, the server's own address replaced, and where pods may be run."""
    with open_server(answers) as configuration:
        report = look_at_access(configuration, CHOICES, use=use)
    checks = tuple(
        Check(name=c.name, ok=c.ok, detail=c.detail.replace(configuration.host, "SERVER"), hint=c.hint)
        for c in report.checks
    )
    return checks, report.namespaces


def test_rights_are_those_that_the_deployment_gives() -> None:
    """A right that the service begins to need is asked for, too, and one that it no longer needs is not."""
    role, *_ = yaml.safe_load_all((DEPLOYMENT / "access.yaml").read_text())
    given = {
        (group, resource): tuple(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }

    assert given == RIGHTS


def test_cluster_with_all_that_is_needed_is_well() -> None:
    """One line for the server, one for each namespace."""
    ready = "the account has its rights; "

    assert look(Answers()) == (
        (
            Check(name="engines.tekton", ok=True, detail="Kubernetes v1.34.0 at SERVER"),
            Check(name=f"engines.tekton, namespace {RESTRICTED}", ok=True, detail=f"{ready}hublish-layered"),
            Check(name=f"engines.tekton, namespace {BASELINE}", ok=True, detail=f"{ready}hublish-dockerfile"),
        ),
        frozenset({RESTRICTED, BASELINE}),
    )


def test_cluster_that_no_build_is_asked_of_is_said_to_be_unused() -> None:
    """Images may be named, and `use` forgotten."""
    (engine, *_), _ = look(Answers(), use=("local",))

    assert engine == Check(
        name="engines.tekton",
        ok=True,
        detail="Kubernetes v1.34.0 at SERVER; not used",
        hint="Add it to `engines.use`, else no build runs in pods.",
    )


@pytest.mark.parametrize(
    ("answers", "detail", "hint", "usable"),
    [
        (
            Answers(refused=frozenset({("create", "secrets"), ("delete", "secrets"), ("get", "pods/log")})),
            "the account may not create, delete secrets; get pods/log",
            "Apply deploy/kubernetes/access.yaml; elsewhere bind its role to the account in this namespace.",
            False,
        ),
        (
            Answers(all_refused=True),
            "the account may do nothing there: no such namespace, or no role in it",
            APPLY,
            False,
        ),
        (Answers(namespaces={RESTRICTED: 404}), "the cluster has no such namespace", APPLY, False),
        (
            Answers(pipelines=("hublish-dockerfile",)),
            "it has no Pipeline hublish-layered",
            "Apply the Tasks and Pipelines: `kubectl apply --server-side -k tekton`.",
            True,
        ),
    ],
)
def test_what_is_missing_in_a_namespace_is_named(answers: Answers, detail: str, hint: str, usable: bool) -> None:
    """With what to apply; only where pods may be run they are."""
    checks, namespaces = look(answers)

    assert checks[1] == Check(name=f"engines.tekton, namespace {RESTRICTED}", ok=False, detail=detail, hint=hint)
    assert (RESTRICTED in namespaces) is usable


@pytest.mark.parametrize(
    ("answers", "detail", "hint"),
    [
        (Answers(status=401), "SERVER refused: 401 Unauthorized", "The token of the kubeconfig"),
        (Answers(groups=("apps",)), "SERVER has no Tekton Pipelines (tekton.dev/v1)", "Install Tekton Pipelines"),
    ],
)
def test_server_that_is_of_no_use_is_one_fault(answers: Answers, detail: str, hint: str) -> None:
    """Nothing more is asked of it, and no pod is tried."""
    ((check,), namespaces) = look(answers)

    assert (check.name, check.ok, check.detail, namespaces) == ("engines.tekton", False, detail, frozenset())
    assert check.hint.startswith(hint)


def test_dead_server_is_named_at_once() -> None:
    """It is asked once, however patient builds are; a namespace of it is not called missing."""
    port = Port()
    configuration = kubernetes.client.Configuration(host=f"http://127.0.0.1:{port.number}")
    report = look_at_access(configuration, CHOICES, use=("tekton",))
    (check,) = report.checks
    with closing(ClusterAccess(configuration)) as access:
        missing = access.is_namespace_missing(RESTRICTED)

    assert (check.ok, report.answers, missing) == (False, False, False)
    assert check.detail.startswith(f"http://127.0.0.1:{port.number} does not answer: ")
    assert check.hint == "Look at `server` in the kubeconfig, and whether this machine reaches it."
