"""The records as `hublish runs` reads them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from hublish.bootstrap.deliveries import open_deliveries
from hublish.bootstrap.records import open_records
from hublish.bootstrap.storage import open_storage
from hublish.bootstrap.tokens import open_tokens
from hublish.errors import DatabaseFailed
from hublish.settings import Settings, parse_settings
from tests.unit.workflows.parts import AT, RUN_ID, make_run


def make_settings(folder: Path) -> Settings:
    text = f"""\
github: {{app_id: 1, private_key_file: key.pem, webhook_secret_files: [secret]}}
public_url: https://hublish.example.com
data: {folder}
database: sqlite:///hublish.sqlite
"""
    return parse_settings(text.encode(), path=folder / "settings.yaml")


def test_runs_steps_and_logs_are_read_together(tmp_path: Path) -> None:
    """The logs of a run's builds stand one after the other, in the order of its images."""
    settings = make_settings(tmp_path)
    open_storage(settings, make=True).dispose()
    records = open_records(settings)
    records.runs.ensure_run(make_run())
    records.steps.ensure_step(RUN_ID, "plan", state="done", detail="", at=AT)
    for build, image in (("build-b-1", "ts"), ("build-a-1", "gpu")):
        records.steps.ensure_link(RUN_ID, build, image)
        records.archive.open_log(build).append(f"{image} begins")
    log = records.read_log(RUN_ID)

    assert records.list_runs() == (make_run(),)
    assert records.read_run(RUN_ID) == make_run()
    assert [step.name for step in records.list_steps(RUN_ID)] == ["plan"]
    assert [line.split(" ", 1)[1] for line in log.splitlines()] == ["ts begins", "gpu begins"]
    assert records.read_log("other") == ""


@pytest.mark.parametrize("look", [open_records, partial(open_deliveries, make=False), partial(open_tokens, make=False)])
def test_looking_makes_nothing(tmp_path: Path, look: Callable[[Settings], object]) -> None:
    """Before the service ever started root may look: it leaves no file that the service could not write."""
    with pytest.raises(DatabaseFailed) as caught:
        look(make_settings(tmp_path / "gone"))

    assert caught.value.message == f"there is no database at {tmp_path}/gone/hublish.sqlite"
    assert caught.value.hint == "start the service, which makes it; or check `database` in the settings"
    assert list(tmp_path.iterdir()) == []
