"""`hublish serve`, `runs` and `doctor`, the options before the command, and the page of the reference."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hublish import __version__
from hublish.bootstrap.doctor import Check
from hublish.cli.app import main
from hublish.cli.commands_reference import ANSWERS, Answer, render_commands_reference
from hublish.cli.reference import render_reference
from hublish.cli.settings_reference import render_settings_reference
from hublish.errors import SettingsInvalid
from tests.unit.cli.conftest import Run
from tests.unit.cli.fakes import RUN, FakeHouse

PAGES = Path(__file__).parents[3] / "docs" / "reference"
GOLDEN = Path(__file__).parents[2] / "golden" / "conversation"
GOOD = Check(name="cache", ok=True, detail="there is room", hint="")
BAD = Check(name="package index", ok=False, detail="no answer", hint="check the proxy")


def test_serve_listens_on_this_machine_only_by_default(run: Run, house: FakeHouse) -> None:
    """Opening to the network is the operator's decision."""
    run("serve")
    run("serve", "--host", "0.0.0.0", "--port", "9")

    assert house.served == [("127.0.0.1", 8080), ("0.0.0.0", 9)]


def test_serve_without_settings_says_what_is_missing(run: Run, house: FakeHouse) -> None:
    """Wrong settings are findings: exit code 3, nothing started."""
    house.error = SettingsInvalid("HUBLISH_SETTINGS is not set", hint="export it")
    result = run("serve")

    assert result.stderr == "error[SettingsInvalid]: HUBLISH_SETTINGS is not set\n  hint: export it\n"
    assert (result.exit_code, house.served) == (3, [])


def test_runs_are_listed_in_columns_for_scripts(run: Run, house: FakeHouse) -> None:
    """Away from a terminal a run is a line with tabs."""
    expected = "3f0c9a\tfailed\t2026-01-02T03:04:05Z\tharbour/tides\tv1.0.0\tno wheel for numpy 9\n"
    listed = run("runs", "list")
    house.records.runs = ()
    none = run("runs", "list")

    assert expected == listed.stdout
    assert none.stdout == "No runs yet.\n"


def test_runs_as_json_hold_their_facts(run: Run) -> None:
    """The list in JSON is the list of run objects."""
    [item] = json.loads(run("runs", "list", "--json").stdout)["result"]

    assert item == {
        "id": "3f0c9a",
        "state": "failed",
        "repository": "harbour/tides",
        "ref": "v1.0.0",
        "commit": RUN.sha,
        "actor": "ada",
        "attempt": 1,
        "created_at": "2026-01-02T03:04:05+00:00",
        "ended_at": None,
        "message": "no wheel for numpy 9",
        "queue": [],
    }


def test_run_is_shown_with_its_log_on_request(run: Run) -> None:
    """The log follows the facts; without --log it is not read."""
    plain = run("runs", "show", "3f0c9a")
    logged = run("runs", "show", "3f0c9a", "--log")
    document = json.loads(run("runs", "show", "3f0c9a", "--log", "--json").stdout)

    assert plain.stdout.splitlines()[0] == "id          3f0c9a"
    assert "log of" not in plain.stdout
    assert logged.stdout == plain.stdout + "log of 3f0c9a\n"
    assert document["result"]["log"] == "log of 3f0c9a\n"


def test_unknown_run_is_a_usage_error(run: Run) -> None:
    """The answer names the command that lists the runs."""
    result = run("runs", "show", "nothing")

    assert result.stderr == "There is no run 'nothing'; `hublish runs list` shows those there are.\n"
    assert result.exit_code == 2


def test_doctor_looks_at_pods_when_asked(run: Run, house: FakeHouse) -> None:
    """Pods are started only with the option; what is waited for stands on stderr, so that a script reads checks alone."""
    house.workbench.checks = (Check(name="layered", ok=True, detail="comes up"),)
    result = run("doctor", "--cluster")

    assert (result.stdout, result.stderr) == ("ok   layered of pods: comes up\n", "a pod comes up\n")


def test_doctor_prints_every_check_and_fails_with_one(run: Run, house: FakeHouse) -> None:
    """A failing check has a hint; the exit code tells scripts."""
    house.workbench.checks = (GOOD, BAD)
    result = run("doctor")
    document = json.loads(run("doctor", "--json").stdout)
    house.workbench.checks = (GOOD,)

    assert result.stdout == ("ok   cache: there is room\nFAIL package index: no answer\n     hint: check the proxy\n")
    assert result.exit_code == 1
    assert document["result"][1] == {
        "name": "package index",
        "ok": False,
        "detail": "no answer",
        "hint": "check the proxy",
    }
    assert run("doctor").exit_code == 0


def test_version_and_help_need_no_command(run: Run) -> None:
    """--version prints one line; no arguments print the help."""
    assert run("--version").stdout == f"hublish {__version__}\n"
    assert "Exit codes: 0 done" in " ".join(run("--help").stdout.split())
    assert "Usage: hublish" in run().output


@pytest.mark.parametrize("command", ["validate", "plan", "build", "serve", "doctor", "runs list", "runs show"])
def test_help_of_every_command_shows_an_example(run: Run, command: str) -> None:
    """--help teaches by examples that start with the command itself."""
    result = run(*command.split(), "--help")

    assert "Examples:" in result.stdout
    assert f"hublish {command}" in result.stdout.split("Examples:")[1]


def test_main_takes_the_arguments_it_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    """The console script's entry point ends the process with the exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"hublish {__version__}\n"


def test_reference_page_is_up_to_date() -> None:
    """docs/reference/cli.md is what the command table says; `make docs` writes it anew."""
    expected = render_reference()

    assert expected == (PAGES / "cli.md").read_text(encoding="utf-8")


def test_reference_page_has_no_blank_where_a_word_belongs() -> None:
    """Each option with a value names it, each default is said in words, and 0 is one."""
    page = render_reference()

    assert re.findall(r"^\| .*(?:None`|Default: \.).*$", page, re.MULTILINE) == []
    assert "| `--port PORT` | Of the local page; 0 takes a free one. Default: 0. |" in page.splitlines()


def test_commands_page_is_up_to_date() -> None:
    """docs/reference/commands.md is what the table of commands says; `make docs` writes it anew."""
    expected = render_commands_reference()

    assert expected == (PAGES / "commands.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_answers_of_the_commands_page_are_those_of_the_service(answer: Answer) -> None:
    """Each is the comment of a golden conversation, word for word, up to its link."""
    golden = (GOLDEN / f"{answer.name}.md").read_text(encoding="utf-8")
    comment = golden.partition("## Comment\n\n")[2].partition("\n\n[Steps and log]")[0]

    assert answer.text == comment
    assert len(ANSWERS) == 3


def test_settings_page_is_up_to_date() -> None:
    """docs/reference/settings.md is what the model says; `make docs` writes it anew."""
    expected = render_settings_reference()

    assert expected == (PAGES / "settings.md").read_text(encoding="utf-8")
