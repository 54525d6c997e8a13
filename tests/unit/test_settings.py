"""The operator's settings."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from hublish.errors import SettingsInvalid
from hublish.registrysettings import RegistrySettings
from hublish.settings import (
    SETTINGS_LIMIT_BYTES,
    GitHubSettings,
    HubSettings,
    Settings,
    load_settings,
    parse_settings,
)

MINIMAL = """\
github: {app_id: 1, private_key_file: key.pem, webhook_secret_files: [secret]}
public_url: https://hublish.example.com
data: data
database: sqlite:///hublish.sqlite
"""
FULL = """\
github:
  api: https://ghe.example.com/api/v3
  app_id: 1
  private_key_file: /run/secrets/key.pem
  webhook_secret_files: [new, /run/secrets/old]
public_url: https://hublish.example.com
data: /var/lib/hublish
database: sqlite:////var/lib/hublish/hublish.sqlite
registries:
  registry.example.org: {auth_file: auth.json, namespaces: {octo: [team]}}
indexes:
  index.example.invalid: {mirror: https://mirror.example.org/simple, auth_file: login}
hubs:
  demo: {repo: org/apps, folder: images, accept: [{repo: octo/ts}]}
ca_file: ca.pem
proxy: {https: 'http://proxy.example.org:3128', no_proxy: [.lab.example.org], auth_file: proxy}
"""


def parse(text: str) -> Settings:
    return parse_settings(text.encode(), path=Path("/etc/hublish/settings.yaml"))


def list_fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str | None]]:
    """`(key, description)` of every key of a model and of the models in it."""
    for name, field in model.model_fields.items():
        yield prefix + name, field.description
        for part in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from list_fields(part, f"{prefix}{name}.")


def test_smallest_file_takes_defaults_that_allow_nothing() -> None:
    """No registry, no index, no hub, nobody may push; paths count from the file's folder."""
    folder = Path("/etc/hublish")
    expected = Settings(
        github=GitHubSettings(app_id=1, private_key_file=folder / "key.pem", webhook_secret_files=[folder / "secret"]),
        public_url="https://hublish.example.com",
        data=folder / "data",
        logs=folder / "data" / "logs",
        database="sqlite:////etc/hublish/hublish.sqlite",
    )

    assert parse(MINIMAL) == expected
    assert (expected.registries, expected.indexes, expected.hubs) == ({}, {}, {})
    assert RegistrySettings().namespaces == {}
    assert HubSettings(repo="org/apps", folder="").accept == []


def test_every_path_of_a_full_file_is_resolved_once() -> None:
    """Relative ones from the file's folder, absolute ones as they are."""
    settings = parse(FULL)
    folder = Path("/etc/hublish")

    assert settings.github.private_key_file == Path("/run/secrets/key.pem")
    assert settings.github.webhook_secret_files == [folder / "new", Path("/run/secrets/old")]
    assert settings.data == Path("/var/lib/hublish")
    assert settings.database == "sqlite:////var/lib/hublish/hublish.sqlite"
    assert settings.registries["registry.example.org"].auth_file == folder / "auth.json"
    assert settings.indexes["index.example.invalid"].auth_file == folder / "login"
    assert settings.ca_file == folder / "ca.pem"
    assert settings.proxy.auth_file == folder / "proxy"
    assert settings.hubs["demo"].accept[0].repo == "octo/ts"


@pytest.mark.parametrize("url", ["postgresql://hublish@db/hublish", "sqlite:///", "sqlite://"])
def test_database_that_is_no_file_stays_as_it_is(url: str) -> None:
    """Only the path of an SQLite file counts from the folder."""

    assert parse(MINIMAL.replace("sqlite:///hublish.sqlite", url)).database == url


def test_every_key_has_a_description() -> None:
    """The reference page is made from them."""

    assert [key for key, description in list_fields(Settings) if not description] == []


def test_every_fault_is_reported_at_once_with_its_key() -> None:
    """An unknown key, a wrong type, a missing key and a number out of range are four lines; values are not shown."""
    text = MINIMAL.replace("app_id: 1", "app_id: hunter2, colour: red").replace(
        "data: data\n", "limits: {build_seconds: 0}\n"
    )
    expected = """\
/etc/hublish/settings.yaml:1:18: github.app_id: expected a whole number, got text
/etc/hublish/settings.yaml:1:27: github.colour: unknown key `colour` (known keys here: api, web, \
seconds_between_writes, app_id, private_key_file, webhook_secret_files, onboarding_per_hour, bots)
/etc/hublish/settings.yaml:1:1: data: the key `data` is missing
/etc/hublish/settings.yaml:3:25: limits.build_seconds: expected a number of at least 1, got a number"""
    with pytest.raises(SettingsInvalid) as caught:
        parse(text)

    assert caught.value.message == expected
    assert caught.value.hint == "docs/reference/settings.md lists every key"
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "/etc/hublish/settings.yaml:1:1: the file: expected a mapping of keys to values, got nothing"),
        (b"a: [", "/etc/hublish/settings.yaml: not YAML: while parsing a flow node"),
        (b"\xff\xfe\x00", "/etc/hublish/settings.yaml: not YAML: "),
        (b"a: !!python/object/apply:os.system [id]", "/etc/hublish/settings.yaml: not YAML: could not determine"),
        (b" " * (SETTINGS_LIMIT_BYTES + 1), "/etc/hublish/settings.yaml: larger than 1048576 bytes"),
    ],
)
def test_file_that_is_no_settings_is_refused(body: bytes, message: str) -> None:
    """Empty, broken, not text, with an object to construct, too large."""
    with pytest.raises(SettingsInvalid) as caught:
        parse_settings(body, path=Path("/etc/hublish/settings.yaml"))

    assert caught.value.message.startswith(message)


def test_misspelt_key_of_a_named_host_finds_its_right_one() -> None:
    """Names of hosts are no keys of the model; a key below them is looked for among theirs."""
    with pytest.raises(SettingsInvalid) as caught:
        parse(f"{MINIMAL}registries:\n  registry.example.org:\n    auth_fil: a\n")

    assert caught.value.message == (
        '/etc/hublish/settings.yaml:7:5: registries."registry.example.org".auth_fil: unknown key `auth_fil` '
        "(did you mean `auth_file`?)"
    )


def test_file_of_another_reader_still_names_its_keys() -> None:
    """A file too large for the reader with places has its faults by key."""
    with pytest.raises(SettingsInvalid, match=r"^/etc/hublish/settings\.yaml: colour: Extra inputs are not permitted$"):
        parse(f"{MINIMAL}colour: red\n#{'x' * 70_000}\n")


def test_webhook_secret_is_required() -> None:
    """Without one every stranger could post: nothing starts."""
    with pytest.raises(
        SettingsInvalid, match="webhook_secret_files: expected at least this many items: 1, got a list of 0"
    ):
        parse(MINIMAL.replace("[secret]", "[]"))


def test_file_is_found_by_the_variable(tmp_path: Path) -> None:
    """And read from where it points."""
    path = tmp_path / "settings.yaml"
    path.write_text(MINIMAL)

    assert load_settings({"HUBLISH_SETTINGS": str(path)}).data == tmp_path / "data"


@pytest.mark.parametrize("environ", [{}, {"HUBLISH_SETTINGS": ""}])
def test_missing_variable_says_how_to_set_it(environ: dict[str, str]) -> None:
    """Unset and empty are the same."""
    with pytest.raises(SettingsInvalid, match="HUBLISH_SETTINGS is not set") as caught:
        load_settings(environ)

    assert caught.value.hint == "export HUBLISH_SETTINGS=/path/to/settings.yaml"


def test_unreadable_file_is_named_with_the_reason(tmp_path: Path) -> None:
    """A path that does not exist, or is a folder."""
    with pytest.raises(SettingsInvalid, match="gone: cannot be read: No such file or directory"):
        load_settings({"HUBLISH_SETTINGS": str(tmp_path / "gone")})
    with pytest.raises(SettingsInvalid, match="cannot be read: Is a directory"):
        load_settings({"HUBLISH_SETTINGS": str(tmp_path)})
