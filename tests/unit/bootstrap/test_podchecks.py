"""What `hublish doctor --cluster` says of what a probe met: the setting in the way, and the choices."""

from __future__ import annotations

import socket

import pytest

from hublish.bootstrap.doctor import Check
from hublish.bootstrap.pods.checks import check_cluster, find_choices, judge_probe
from hublish.bootstrap.steps.probe import parse_probe, probe, render_probe
from hublish.errors import SettingsInvalid
from hublish.settings import Settings

LAYERED, CONTAINERS = "layered in pods", "source and dockerfile in pods"
FINE = {"user-namespace": "", "work": "", "registry r.example.org": ""}


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ('pods "x" is forbidden: violates PodSecurity: container "prepare" must set', "set-security-context"),
        ('pods "x" is forbidden: violates PodSecurity "restricted:latest"', "pod-security.kubernetes.io/enforce"),
        ("the namespace's quota has no room for the pod yet", "ResourceQuota"),
        ("the image i:1 cannot be pulled: ErrImagePull", "imagePullSecrets"),
        ("the cluster did not create a PipelineRun: forbidden", "access.yaml"),
        ("the cluster has no room for the pod yet", "add nodes"),
        ('translating TaskSpec to Pod: serviceaccounts "build" not found', "engines.tekton.service_account"),
        ('pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 4Gi', "LimitRange"),
        ("who knows", ""),
    ],
)
def test_failure_names_the_setting(failure: str, words: str) -> None:
    """Each known obstacle leads to the setting it comes from; an unknown one to none."""
    choices = find_choices(failure)

    assert (words in choices, bool(choices)) == (True, bool(words))


def test_cluster_without_settings_is_refused() -> None:
    """The settings say which cluster it is."""
    with pytest.raises(SettingsInvalid, match="no settings name a cluster"):
        check_cluster(None)


def test_pod_that_has_what_it_needs_is_fine() -> None:
    """One line each; a layered build needs no user namespace."""
    blocked = {**FINE, "user-namespace": "Operation not permitted"}

    assert list(judge_probe(dict(FINE), title=CONTAINERS, namespace="b")) == [
        Check(name=CONTAINERS, ok=True, detail="a pod came up in b and has what builds need")
    ]
    assert [check.ok for check in judge_probe(blocked, title=LAYERED, namespace="r")] == [True]


def test_refused_user_namespace_names_seccomp_and_the_choices() -> None:
    """The operator of such nodes has four ways."""
    found = {**FINE, "user-namespace": "unshare failed: Operation not permitted"}
    (check,) = judge_probe(found, title=CONTAINERS, namespace="b")

    assert (check.ok, check.detail) == (False, "in b: unshare failed: Operation not permitted")
    assert [word in check.hint for word in ("seccompDefault", "Localhost", "hostUsers", "layered")] == [True] * 4


def test_registry_out_of_reach_and_silent_probes_are_told() -> None:
    """A pod without a way to a registry comes up, and builds nothing."""
    found = {**FINE, "registry r.example.org": "timed out"}
    checks = list(judge_probe(found, title=LAYERED, namespace="r"))

    assert [(check.name, check.ok) for check in checks] == [
        (LAYERED, True),
        ("layered in pods, registry r.example.org", False),
    ]
    assert [check.ok for check in judge_probe({}, title=LAYERED, namespace="r")] == [False]
    assert [check.ok for check in judge_probe({**FINE, "work": "no"}, title=LAYERED, namespace="r")] == [False]


def test_probe_says_what_does_not_work(tmp_path, monkeypatch) -> None:
    """A host that does not answer, a folder that is not there; what works says nothing."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError("refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    environ = {"HUBLISH_PROBE_HOSTS": "r.example.org,s.example.org:5000", "HUBLISH_WORK": str(tmp_path / "none")}
    found = parse_probe(["noise", render_probe(probe(environ)), "3"])

    assert {name: text for name, text in found.items() if name != "user-namespace"} == {
        "work": f"{tmp_path / 'none'} is not writable",
        "registry r.example.org": "refused",
        "registry s.example.org:5000": "refused",
    }
    assert parse_probe(["noise"]) == {}


@pytest.mark.parametrize(
    ("tekton", "detail"),
    [
        (
            {},
            "the engine tekton is chosen, and neither engines.tekton.image nor engines.tekton.build_image is set",
        ),
        (
            {"image": "r.example.org/hublish:1", "kubeconfig": "/nonexistent/config"},
            "engines.tekton.kubeconfig: /nonexistent/config: No such file or directory",
        ),
    ],
)
@pytest.mark.parametrize("pods", [True, False])
def test_settings_that_lead_to_no_cluster_are_one_fault_among_the_checks(
    tekton: dict[str, str], detail: str, pods: bool
) -> None:
    """It is found without `--cluster`, too, and the other checks are still told."""
    settings = Settings.model_validate(
        {
            "github": {"app_id": 1, "private_key_file": "key.pem", "webhook_secret_files": ["secret"]},
            "public_url": "https://hublish.example.com",
            "data": "data",
            "database": "sqlite:///hublish.sqlite",
            "engines": {"use": ["tekton"], "tekton": tekton},
        }
    )
    (check,) = check_cluster(settings, pods=pods)

    assert (check.name, check.ok, check.detail, bool(check.hint)) == ("engines.tekton", False, detail, True)
