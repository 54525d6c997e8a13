"""Credentials from docker-style files and helpers."""

import base64
import json

import pytest

from hublish.adapters.registry.credential import Credential, CredentialFiles
from hublish.errors import RegistryFailed, SettingsInvalid

PAIR = base64.b64encode(b"user:pa:ss").decode()
FOUND = Credential(username="user", password="pa:ss")


def find(tmp_path, document, host="r.example", repository="team/ts", *, helpers=False):
    """Look into one default file."""
    path = tmp_path / "config.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    missing = tmp_path / "missing.json"
    return CredentialFiles(default_files=(missing, path), allow_helpers=helpers).find(host, repository, None)


@pytest.fixture
def helper(tmp_path, monkeypatch):
    """Put a credential helper named `test` on PATH; called with the shell code of its answer."""

    def install(code):
        program = tmp_path / "bin" / "docker-credential-test"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\nread server\n{code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")

    return install


@pytest.mark.parametrize(
    ("auths", "expected"),
    [
        ({"r.example": {"auth": PAIR}}, FOUND),
        ({"https://r.example/v2/": {"auth": PAIR}}, FOUND),
        ({"r.example": {"username": "user", "password": "pa:ss"}}, FOUND),
        (
            {"r.example": {"auth": PAIR}, "r.example/team": {"username": "t", "password": "p"}},
            Credential(username="t", password="p"),
        ),
        ({"r.example/other": {"auth": PAIR}}, None),
        (
            {"r.example": {"identitytoken": "refresh", "auth": PAIR}},
            Credential(username="", password="", identity_token="refresh"),
        ),
        ({"r.example:5000": {"auth": PAIR}}, None),
        ({"r.example": {}}, None),
        ([], None),
    ],
)
def test_longest_key_that_covers_the_repository_counts(tmp_path, auths, expected):
    """Keys may be hosts, old URLs or namespaces; a port makes another host."""
    assert find(tmp_path, {"auths": auths}) == expected


def test_docker_hub_is_known_by_its_old_key(tmp_path):
    """`docker login` without a host writes the address of the first index."""
    document = {"auths": {"https://index.docker.io/v1/": {"auth": PAIR}}}

    assert find(tmp_path, document, host="docker.io", repository="") == FOUND


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "Expected JSON in the credentials file"),
        ("[]", "Expected a JSON object of at most 1 MiB"),
        (" " * (1024 * 1024 + 1), "Expected a JSON object of at most 1 MiB"),
        ({"auths": {"r.example": {"auth": "%%%"}}}, "Expected base64 of USER:PASSWORD"),
        ({"auths": {"r.example": {"auth": base64.b64encode(b"nocolon").decode()}}}, "got no colon in it"),
        ({"auths": {"r.example": {"email": "x"}}}, "Expected auth, identitytoken or username and password"),
    ],
)
def test_damaged_file_is_refused_by_name(tmp_path, document, reason):
    """A file that is there must be readable; its secrets are not repeated."""
    with pytest.raises(SettingsInvalid, match=reason) as caught:
        find(tmp_path, document)

    assert str(tmp_path / "config.json") in caught.value.message


def test_unreadable_file_is_refused(tmp_path):
    """A folder in place of the file is told."""
    files = CredentialFiles(default_files=(tmp_path,), allow_helpers=False)

    with pytest.raises(SettingsInvalid, match="Is a directory"):
        files.find("r.example", "", None)


def test_secrets_stay_out_of_repr():
    """A credential in a traceback shows its user only."""
    assert repr(FOUND) == "Credential(username='user')"


@pytest.mark.parametrize("document", [{"credHelpers": {"r.example": "test"}}, {"credsStore": "test"}])
def test_helper_is_run_only_where_it_is_allowed(tmp_path, helper, document):
    """A service runs no program that a file names."""
    helper("""echo '{"Username": "user", "Secret": "pa:ss"}'""")

    assert find(tmp_path, document) is None
    assert find(tmp_path, document, helpers=True) == FOUND


def test_helper_may_give_a_refresh_token(tmp_path, helper):
    """The user `<token>` says so."""
    helper("""echo '{"Username": "<token>", "Secret": "refresh"}'""")
    expected = Credential(username="", password="", identity_token="refresh")

    assert find(tmp_path, {"credsStore": "test"}, host="docker.io", helpers=True) == expected


def test_helper_that_knows_nothing_is_no_error(tmp_path, helper):
    """The registry is then asked as nobody."""
    helper("echo 'credentials not found in native keychain'; exit 1")

    assert find(tmp_path, {"credsStore": "test"}, helpers=True) is None


@pytest.mark.parametrize(
    ("code", "reason"),
    [("echo secret; exit 3", "got exit code 3"), ("echo '{}'", "Expected a JSON object with Username")],
)
def test_broken_helper_is_told_without_its_output(tmp_path, helper, code, reason):
    """What a helper prints may be a secret."""
    helper(code)
    with pytest.raises(RegistryFailed, match=reason) as caught:
        find(tmp_path, {"credsStore": "test"}, helpers=True)

    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("name", "error", "reason"),
    [
        ("../x", SettingsInvalid, "Expected the name of a credential helper"),
        ("gone", RegistryFailed, "got FileNotFoundError"),
    ],
)
def test_helper_that_cannot_be_run_is_told(tmp_path, name, error, reason):
    """A name is no path, and a missing program is named."""
    with pytest.raises(error, match=reason):
        find(tmp_path, {"credsStore": name}, helpers=True)
