"""What the Steps of a pod are given: each the logins of the hosts that it asks, and no other secret."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from hublish.bootstrap.engines import load_secrets
from hublish.bootstrap.pods.files import StepFileMaker
from hublish.core.building import BuildRequest, HandedWheel, PodPart, PodScript
from hublish.core.codec import parse_value
from hublish.core.container import BasePin, ContainerPlan, SecretMount
from hublish.core.plan import Strategy, Trust
from hublish.core.podaccess import IndexAccess, PodAccess, RegistryAccess, parse_build_secrets
from hublish.core.reference import Reference
from hublish.errors import BuildFailed, NotAllowed, SettingsInvalid
from hublish.settings import Settings, parse_settings
from tests.golden.tekton_runs import REGISTRY, REQUEST

PUBLIC = "public.example.org"
LOGINS = {
    f"{REGISTRY}/team": {"auth": "dGVhbTpzZWNyZXQ="},
    f"https://{REGISTRY}/v2/": {"auth": "YWxsOnNlY3JldA=="},
    f"{REGISTRY}/other": {"auth": "b3RoZXI6c2VjcmV0"},
    "elsewhere.example.org": {"auth": "ZWxzZTpzZWNyZXQ="},
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    files = {
        "key.pem": "key",
        "hook": "hook",
        "ca.crt": "authorities",
        "login": "me:secret",
        "other-login": "me:other",
        "logins.json": json.dumps({"auths": LOGINS, "credsStore": "desktop"}),
        "proxy-login": "proxy:secret",
        "token": "hunter2-hunter2\n",
        "unasked": "secret of no Dockerfile",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    document = {
        "github": {"app_id": 1, "private_key_file": "key.pem", "webhook_secret_files": ["hook"]},
        "public_url": "https://hublish.example.org",
        "data": "data",
        "database": "sqlite:///data/hublish.sqlite",
        "registries": {
            REGISTRY: {"auth_file": "logins.json", "token_hosts": ["auth.example.org"]},
            PUBLIC: {"plain_http": True},
            "unused.example.org": {"auth_file": "missing.json"},
        },
        "indexes": {
            "index.example.invalid": {"mirror": "https://mirror.example.org/simple", "auth_file": "login"},
            "private.example.org:8443": {"auth_file": "other-login"},
        },
        "engines": {"secrets": {"OctoCat/*": {"token": "token"}, "octocat/TS": {"unasked": "unasked"}}},
        "ca_file": "ca.crt",
        "proxy": {"https": "http://proxy.example.org:3128", "auth_file": "proxy-login"},
    }
    return parse_settings(yaml.safe_dump(document).encode(), path=tmp_path / "settings.yaml")


def make(
    settings: Settings, request: BuildRequest = REQUEST, *, index_keys: tuple[bytes, ...] = ()
) -> dict[str, dict[str, bytes]]:
    """The files, with a token that names the repository it is good for."""
    maker = StepFileMaker(
        settings=settings,
        mint_token=lambda repository: f"token-{repository.id}",
        find_secrets=lambda asking: load_secrets(settings, asking),
        index_keys=index_keys,
    )
    return maker.make(request)


def ask_dockerfile(*secrets: SecretMount, trust: Trust = Trust.OWNER) -> BuildRequest:
    """A request for a Dockerfile that mounts these secrets."""
    container = ContainerPlan(dockerfile_text="", context=".", secrets=secrets)
    plan = replace(REQUEST.plan, strategy=Strategy.DOCKERFILE, container=container, trust=trust)
    return replace(REQUEST, plan=plan)


def read_access(files: dict[str, bytes]) -> PodAccess:
    return parse_value(PodAccess, files["access"].decode())


def test_fetch_is_given_what_source_base_and_packages_need(settings: Settings) -> None:
    """A token of the repository, the base's login, the login of the lock's index and of no other."""
    files = make(settings)["fetch"]
    access = read_access(files)

    assert sorted(files) == ["access", "ca.crt", "github-token", "index-0", "registry-0", "request"]
    assert (files["github-token"], files["index-0"], files["ca.crt"]) == (b"token-7", b"me:secret", b"authorities")
    assert json.loads(files["registry-0"]) == {"auths": {f"https://{REGISTRY}/v2/": {"auth": "YWxsOnNlY3JldA=="}}}
    assert access.registries == (
        RegistryAccess(host=REGISTRY, token_hosts=("auth.example.org",), auth_file="registry-0"),
    )
    assert access.indexes == (
        IndexAccess(host="index.example.invalid", mirror="https://mirror.example.org/simple", auth_file="index-0"),
        IndexAccess(host="private.example.org:8443"),
    )
    assert (access.github_api, access.has_authorities) == ("https://api.github.com", True)
    assert access.proxies.https is not None
    assert access.proxies.https.login == "proxy:secret"


def test_push_is_given_the_target_and_nothing_of_the_source(settings: Settings) -> None:
    """No token, no index; logins that cover the target."""
    files = make(settings)["push"]
    access = read_access(files)

    assert sorted(files) == ["access", "ca.crt", "registry-0", "request"]
    assert sorted(json.loads(files["registry-0"])["auths"]) == [f"https://{REGISTRY}/v2/", f"{REGISTRY}/team"]
    assert (access.github_api, access.indexes) == ("", ())
    assert access.source_url == "https://github.com/octocat/ts"


@pytest.mark.parametrize("index_keys", [(), (b"k" * 32,)])
def test_push_of_a_build_that_is_tried_is_given_no_login(settings: Settings, index_keys: tuple[bytes, ...]) -> None:
    """Nothing of a fork is pushed, so that no login that could is in its pod; it still reads its base by one."""
    image = Reference(registry=REGISTRY, repository="team/ts")
    request = replace(
        REQUEST, plan=replace(REQUEST.plan, trust=Trust.FORK, target_repository=""), target=None, siblings=(image,)
    )
    files = make(settings, request, index_keys=index_keys)

    assert sorted(files["push"]) == ["access", "ca.crt", "request"]
    assert read_access(files["push"]).registries == ()
    assert sorted(json.loads(files["fetch"]["registry-0"])["auths"]) == [f"https://{REGISTRY}/v2/"]


def test_build_is_given_nothing(settings: Settings) -> None:
    """Two Steps have a Secret, also for a Dockerfile that mounts none of those that the operator gives."""

    assert set(make(settings)) == {"fetch", "push"}
    assert set(make(settings, ask_dockerfile())) == {"fetch", "push"}
    assert set(make(settings, ask_dockerfile(SecretMount(name="other", required=False)))) == {"fetch", "push"}


def test_build_is_given_the_secrets_that_its_dockerfile_asks_for(settings: Settings) -> None:
    """Those alone, in the Secret of that Step alone."""
    files = make(settings, ask_dockerfile(SecretMount(name="token", required=True)))

    assert set(files) == {"fetch", "build", "push"}
    assert {name: parse_build_secrets(body) for name, body in files["build"].items()} == {
        "build-secrets": {"token": b"hunter2-hunter2\n"}
    }
    assert not any(b"aHVudGVy" in body for step in ("fetch", "push") for body in files[step].values())


def test_pull_request_is_given_no_secret(settings: Settings) -> None:
    """Whoever writes the Dockerfile would read it."""
    optional = SecretMount(name="token", required=False)

    assert set(make(settings, ask_dockerfile(optional, trust=Trust.PULL_REQUEST))) == {"fetch", "push"}
    with pytest.raises(BuildFailed, match="needs the secret token, which this build is not given"):
        make(settings, ask_dockerfile(replace(optional, required=True), trust=Trust.PULL_REQUEST))


def test_bases_of_dockerfiles_are_asked_for_too(settings: Settings) -> None:
    """The registries of every pinned image are reachable, one without a login stays without."""
    base = Reference(registry=PUBLIC, repository="python", digest="sha256:" + "d" * 64)
    container = ContainerPlan(dockerfile_text="", context=".", bases=(BasePin(name="python", image=base),))
    plan = replace(REQUEST.plan, base=None, container=container)
    access = read_access(make(settings, replace(REQUEST, plan=plan))["fetch"])

    assert access.registries == (RegistryAccess(host=PUBLIC, plain_http=True),)


def test_build_without_a_repository_is_refused(settings: Settings) -> None:
    """A pod fetches from GitHub; it has no other place."""
    with pytest.raises(BuildFailed, match="needs a repository"):
        make(settings, replace(REQUEST, repository=None))


def test_fork_with_a_place_for_its_image_is_refused(settings: Settings) -> None:
    """No login is put where a fork's build could use it, whatever its request says."""
    with pytest.raises(NotAllowed, match="the image of a fork is pushed nowhere"):
        make(settings, replace(REQUEST, plan=replace(REQUEST.plan, trust=Trust.FORK)))


def test_registry_that_is_not_listed_is_refused(settings: Settings) -> None:
    """Nothing is sent to a host that the operator did not name."""
    target = Reference(registry="evil.example.org", repository="a", tag="b")

    with pytest.raises(BuildFailed, match=r"the registry evil\.example\.org is none of this service's"):
        make(settings, replace(REQUEST, target=target))


@pytest.mark.parametrize("name", ["login", "logins.json"])
def test_missing_files_are_named(settings: Settings, tmp_path: Path, name: str) -> None:
    """The operator learns which file, and nothing of another's content."""
    (tmp_path / name).unlink()

    with pytest.raises(SettingsInvalid, match=name):
        make(settings)


def move_base(request: BuildRequest) -> BuildRequest:
    """The same on a base of another registry."""
    base = Reference(registry=PUBLIC, repository="python", digest="sha256:" + "d" * 64)
    return replace(request, plan=replace(request.plan, base=base))


def test_fetch_sees_the_index_of_layers_by_public_keys_and_no_login_that_pushes(settings: Settings) -> None:
    """The target's registry may be asked; the login for it stays with the Step that pushes."""
    files = make(settings, move_base(REQUEST), index_keys=(b"\x01" * 32,))
    access = read_access(files["fetch"])

    assert "registry-0" not in files["fetch"]
    assert access.registries == (
        RegistryAccess(host=PUBLIC, plain_http=True),
        RegistryAccess(host=REGISTRY, token_hosts=("auth.example.org",)),
    )
    assert access.index_keys == read_access(files["push"]).index_keys == ("01" * 32,)


def test_fetch_is_given_the_login_that_only_reads(settings: Settings, tmp_path: Path) -> None:
    """Where the operator names one, it covers base and target and is the only one."""
    (tmp_path / "readers.json").write_text(json.dumps({"auths": {REGISTRY: {"auth": "cmVhZDpvbmx5"}}}))
    registry = settings.registries[REGISTRY].model_copy(update={"pull_auth_file": tmp_path / "readers.json"})
    changed = settings.model_copy(update={"registries": {**settings.registries, REGISTRY: registry}})
    files = make(changed, move_base(REQUEST), index_keys=(b"\x01" * 32,))

    assert json.loads(files["fetch"]["registry-1"]) == {"auths": {REGISTRY: {"auth": "cmVhZDpvbmx5"}}}
    assert b"cmVhZDpvbmx5" not in b"".join(files["push"].values())
    assert [item.auth_file for item in read_access(files["fetch"]).registries] == [None, "registry-1"]


def test_fetch_is_not_given_the_login_that_pushes_for_a_base_with_packages(settings: Settings) -> None:
    """It lies where the owner's images go; without a login that only reads it is read without one."""
    base = Reference(registry=REGISTRY, repository="team/hublish-base-1", digest="sha256:" + "d" * 64)
    files = make(settings, replace(REQUEST, plan=replace(REQUEST.plan, base=base)))

    assert read_access(files["fetch"]).registries == (RegistryAccess(host=REGISTRY, token_hosts=("auth.example.org",)),)
    assert [name for name in files["fetch"] if name.startswith("registry-")] == []
    assert "registry-0" in files["push"]


@pytest.mark.parametrize("with_files", [True, False])
def test_part_is_given_no_token_and_no_index(settings: Settings, with_files: bool) -> None:
    """It has no source tree; files are read without a login that pushes, and only the Step push can push.

    Of a base with packages it asks the registry of the base, too; of files that of their own place alone.
    """
    base = Reference(registry=PUBLIC, repository="python", digest="sha256:" + "d" * 64)
    container = ContainerPlan(dockerfile_text="", context=".", bases=(BasePin(name="python", image=base),))
    assert REQUEST.target is not None
    script = PodScript(title="a wheel", text="", files=REQUEST.target.with_digest("sha256:" + "e" * 64), network=False)
    part = PodPart(build="build-1", script=script if with_files else None)
    plan = replace(REQUEST.plan, base=None, container=container)
    made = make(settings, replace(REQUEST, plan=plan, repository=None, ref=None, part=part))
    fetch, push = (read_access(made[step]) for step in ("fetch", "push"))
    public, own = (
        RegistryAccess(host=PUBLIC, plain_http=True),
        RegistryAccess(host=REGISTRY, token_hosts=("auth.example.org",)),
    )

    assert {step: sorted(files) for step, files in made.items()} == {
        "fetch": ["access", "ca.crt", "request"],
        "push": ["access", "ca.crt", "registry-0" if with_files else "registry-1", "request"],
    }
    assert fetch.registries == ((public, own) if with_files else (public,))
    own = replace(own, auth_file="registry-0" if with_files else "registry-1")
    assert push.registries == ((own,) if with_files else (public, own))
    assert (fetch.github_api, fetch.indexes, push.github_api, push.indexes) == ("", (), "", ())


def test_wheels_are_read_where_the_image_goes(settings: Settings) -> None:
    """Without a login that pushes, as what earlier builds left is."""
    wheel = HandedWheel(key="k", filename="wordy-1.0-py3-none-any.whl", sha256="e" * 64, size_bytes=1)
    base = Reference(registry=PUBLIC, repository="python", digest="sha256:" + "d" * 64)
    request = replace(REQUEST, plan=replace(REQUEST.plan, base=base), wheels=(wheel,))
    access = read_access(make(settings, request)["fetch"])

    assert access.registries == (
        RegistryAccess(host=PUBLIC, plain_http=True),
        RegistryAccess(host=REGISTRY, token_hosts=("auth.example.org",)),
    )
