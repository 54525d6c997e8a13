"""The service's log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from hublish.telemetry import configure_logging, get_logger

TOKEN = "ghs_" + "A1b2" * 10


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Logging is of the whole process: leave it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_line_is_one_json_object_with_facts_as_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Event, level, logger and time besides what was said; standard output stays clean."""
    configure_logging(json_lines=True)
    get_logger("hublish.test").info("delivery", guid="a", times=2)
    captured = capsys.readouterr()
    line = json.loads(captured.err)
    expected = {"event": "delivery", "guid": "a", "times": 2, "level": "info", "logger": "hublish.test"}

    assert {key: value for key, value in line.items() if key != "timestamp"} == expected
    assert line["timestamp"].endswith("Z")
    assert captured.out == ""


def test_lines_of_other_libraries_take_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    """The standard library's loggers are rendered alike, with their arguments filled in."""
    configure_logging(json_lines=True)
    logging.getLogger("uvicorn.error").warning("slow %s", "start")
    line = json.loads(capsys.readouterr().err)

    assert (line["event"], line["level"], line["logger"]) == ("slow start", "warning", "uvicorn.error")


@pytest.mark.parametrize("json_lines", [True, False])
def test_secret_never_reaches_the_log(capsys: pytest.CaptureFixture[str], *, json_lines: bool) -> None:
    """Not as text, nor within a mapping, an exception, a trace or another library's arguments."""
    configure_logging(json_lines=json_lines)
    log = get_logger("hublish.test")
    log.warning("failed", text=f"token {TOKEN}", mapping={"headers": {"Authorization": f"Bearer {TOKEN}"}})
    log.warning("failed", error=ValueError(f"https://x:{TOKEN}@host/"))
    try:
        raise ValueError(f"https://x:{TOKEN}@host/")
    except ValueError:
        log.exception("failed")
    logging.getLogger("other").error("clone https://x-access-token:%s@host/", TOKEN)
    text = capsys.readouterr().err

    assert TOKEN not in text
    assert "A1b2" not in text
    assert text.count("***") >= 5


def test_level_is_a_threshold_and_chatty_clients_stay_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    """At DEBUG our own lines are written; PyGithub's and urllib3's, which hold headers, are not."""
    configure_logging(json_lines=True, level="INFO")
    get_logger("hublish.one").debug("hidden")
    configure_logging(json_lines=True, level="DEBUG")
    get_logger("hublish.two").debug("shown")
    for name in ("github", "urllib3", "httpx"):
        logging.getLogger(name).info("headers")
    lines = [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()]

    assert lines == ["shown"]
