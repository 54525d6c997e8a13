"""The operator's door to stored deliveries: what it takes in, and that a rehearsal leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hublish.adapters.store import ensure_schema, open_database
from hublish.bootstrap.deliveries import Deliveries, open_deliveries, rehearse_payload
from hublish.errors import DatabaseFailed, HublishError, ValueInvalid, WebhookRefused
from hublish.settings import parse_settings

TEXT = """\
github: {app_id: 1, private_key_file: key.pem, webhook_secret_files: [secret]}
public_url: https://hublish.example.com/
data: data
database: sqlite:///hublish.sqlite
limits: {webhook_bytes: 1024}
"""


@pytest.fixture
def deliveries(tmp_path: Path) -> Iterator[Deliveries]:
    """The deliveries of a service that is not running."""
    (tmp_path / "key.pem").write_text("read when the first token is asked for")
    settings = parse_settings(TEXT.encode(), path=tmp_path / "settings.yaml")
    engine = open_database(settings.database)
    ensure_schema(engine)
    yield Deliveries(settings, engine)
    engine.dispose()


def test_payload_by_hand_is_a_delivery_like_others(deliveries: Deliveries) -> None:
    """The same payload is the same delivery, once more; another event is another one."""
    guids = [deliveries.bring(event, b"{}") for event in ("star", "star", "watch")]
    entry = deliveries.find_entry(guids[0])

    assert guids[0] == guids[1] != guids[2]
    assert entry is not None
    assert (entry.times, deliveries.read_body(entry)) == (2, b"{}")


def test_repeated_delivery_is_counted(deliveries: Deliveries) -> None:
    """The service takes it for a redelivery."""
    deliveries.bring("star", b"{}")
    (entry,) = deliveries.list_entries(10)
    deliveries.repeat(entry)

    assert [item.times for item in deliveries.list_entries(10)] == [2]


@pytest.mark.parametrize(
    ("event", "body", "error"),
    [
        ("Release; drop", b"{}", ValueInvalid),
        ("release", b'{"x": "' + b"x" * 1024 + b'"}', ValueInvalid),
        ("release", b"[]", WebhookRefused),
        ("release", b"\xff", WebhookRefused),
    ],
)
def test_what_no_webhook_would_bring_is_refused(
    deliveries: Deliveries, event: str, body: bytes, error: type[HublishError]
) -> None:
    """Before it is stored or rehearsed."""
    with pytest.raises(error):
        deliveries.bring(event, body)
    with pytest.raises(error):
        deliveries.rehearse(event, body, again=False)

    assert deliveries.list_entries(10) == ()


def test_rehearsal_stores_nothing(deliveries: Deliveries) -> None:
    """Through the service's own ports, none of which is asked for an ignored event."""
    rehearsal = deliveries.rehearse("star", b"{}", again=False)

    assert (rehearsal.decision, rehearsal.sayings) == ("ignored", ())
    assert deliveries.list_entries(10) == ()


def test_deliveries_lie_where_the_settings_say(tmp_path: Path) -> None:
    """Tables are made when they are missing."""
    opened = open_deliveries(parse_settings(TEXT.encode(), path=tmp_path / "settings.yaml"), make=True)

    assert opened.list_entries(1) == ()
    assert (tmp_path / "hublish.sqlite").is_file()
    opened._store._engine.dispose()


def test_rehearsal_before_the_service_started_makes_nothing(tmp_path: Path) -> None:
    """Neither database nor key nor cache: the service would find them belonging to somebody else."""
    (tmp_path / "key.pem").write_text("read when the first token is asked for")
    settings = parse_settings(TEXT.encode(), path=tmp_path / "settings.yaml")
    rehearsal = rehearse_payload(settings, "ping", b'{"zen": "x"}')

    assert (rehearsal.decision, rehearsal.reason) == ("ignored", "a ping needs no answer")
    assert [path.name for path in tmp_path.iterdir()] == ["key.pem"]


def test_rehearsal_reads_the_database_that_is_there(tmp_path: Path) -> None:
    """What was built already is known."""
    (tmp_path / "key.pem").write_text("read when the first token is asked for")
    settings = parse_settings(TEXT.encode(), path=tmp_path / "settings.yaml")
    (tmp_path / "hublish.sqlite").touch()
    with pytest.raises(DatabaseFailed, match="lacks"):
        rehearse_payload(settings, "ping", b'{"zen": "x"}')
    open_deliveries(settings, make=True)._store._engine.dispose()

    assert rehearse_payload(settings, "ping", b'{"zen": "x"}').decision == "ignored"
