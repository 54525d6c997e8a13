"""The records as `hublish runs` reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hublish.bootstrap.records import open_records
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
    records = open_records(make_settings(tmp_path))
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


def test_database_in_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """With what to check."""
    with pytest.raises(DatabaseFailed) as caught:
        open_records(make_settings(tmp_path / "gone"))

    assert "cannot be prepared" in caught.value.message
    assert caught.value.hint == "check `database` in the settings, and that the folder exists and is writable"
