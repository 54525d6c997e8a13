"""`hublish validate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hublish.cli.validate import read_bytes, read_text
from hublish.errors import SourceInvalid
from tests.sandbox.index import make_lock
from tests.unit.cli.conftest import Run

GOOD = "version: 1\nimage: {name: registry.example.org/team/ts}\n"


def write_lock(folder: Path) -> None:
    pipfile, lock = make_lock({}, hashes={})
    (folder / "Pipfile").write_text(pipfile)
    (folder / "Pipfile.lock").write_text(lock)


def test_good_folder_is_reported_with_the_files_that_were_read(run: Run, repository: Path) -> None:
    """Config and lock are checked together; exit code 0."""
    write_lock(repository)
    expected = f"no findings in {repository}/.hublish.yaml, {repository}/Pipfile, {repository}/Pipfile.lock\n"
    result = run("validate", repository)

    assert expected == result.stdout
    assert result.exit_code == 0


def test_every_fault_is_printed_with_its_place(run: Run, repository: Path) -> None:
    """Two faults of a config are two lines, in order; exit code 3."""
    path = repository / ".hublish.yaml"
    path.write_text(GOOD + "strategi: layered\nlimits: {time: 5}\n")
    result = run("validate", path)
    lines = [line for line in result.stdout.splitlines() if line.startswith(str(path))]

    assert [line.split(" ")[0] for line in lines] == [f"{path}:3:1:", f"{path}:4:16:"]
    assert "did you mean `strategy`?" in result.stdout
    assert result.stdout.endswith(f"2 errors in {path}\n")
    assert result.exit_code == 3


def test_json_is_one_document_for_good_and_bad_files(run: Run, repository: Path) -> None:
    """With --json stdout is one document whose fields are the documented ones."""
    path = repository / ".hublish.yaml"
    good = run("validate", "--json", path)
    path.write_text("version: 2\n")
    bad = json.loads(run("validate", "--json", path).stdout)

    expected = {
        "command": "validate",
        "ok": True,
        "exit_code": 0,
        "result": {"files": [str(path)]},
        "findings": [],
        "error": None,
    }
    assert expected == json.loads(good.stdout)
    assert (bad["ok"], bad["exit_code"]) == (False, 3)
    assert {finding["path"] for finding in bad["findings"]} == {str(path)}


def test_missing_lock_names_the_command_to_run(run: Run, repository: Path) -> None:
    """A layered build without a lock is an error that says `pipenv lock`."""
    (repository / "Pipfile").write_text(make_lock({}, hashes={})[0])
    result = run("validate", repository)

    assert "pipenv lock" in result.stdout
    assert result.exit_code == 3


@pytest.mark.parametrize("name", ["Pipfile", "Pipfile.lock"])
def test_either_file_of_the_lock_stands_for_both(run: Run, repository: Path, name: str) -> None:
    """A pre-commit hook passes one file; the pair is checked."""
    write_lock(repository)
    expected = f"no findings in {repository}/Pipfile, {repository}/Pipfile.lock\n"

    assert expected == run("validate", repository / name).stdout


def test_folder_without_config_is_checked_by_its_lock(run: Run, repository: Path) -> None:
    """A Pipfile is enough."""
    write_lock(repository)
    (repository / ".hublish.yaml").unlink()
    expected = f"no findings in {repository}/Pipfile, {repository}/Pipfile.lock\n"

    assert expected == run("validate", repository).stdout


def test_folder_with_a_dockerfile_needs_no_lock(run: Run, repository: Path) -> None:
    """The strategy decides whether a lock is expected."""
    (repository / "Dockerfile").write_text("FROM scratch\n")
    expected = f"no findings in {repository}/.hublish.yaml\n"

    assert expected == run("validate", repository).stdout


def test_config_of_another_name_is_read_as_a_config(run: Run, repository: Path) -> None:
    """Examples can be validated, too, and are named as the user named them."""
    path = repository / "example.yaml"
    path.write_text("version: 1\nimage: 7\n")
    result = run("validate", path)

    assert result.stdout.startswith(f"{path}:2:8: error[")


def test_nothing_to_validate_is_a_usage_error(run: Run, tmp_path: Path) -> None:
    """An empty folder and a missing path end with code 2."""
    empty = run("validate", tmp_path)
    missing = run("validate", tmp_path / "gone")

    assert "neither .hublish.yaml nor Pipfile" in empty.stderr
    assert (empty.exit_code, missing.exit_code) == (2, 2)


def test_oversized_file_is_refused_before_it_is_parsed(run: Run, repository: Path) -> None:
    """A file above the reading limit fails with a clear message and is never held whole."""
    path = repository / ".hublish.yaml"
    with path.open("wb") as file:
        file.truncate((64 << 20) + 1)
    result = run("validate", path)

    assert result.stderr.startswith(f"error[SourceInvalid]: {path}: larger than 64 MiB")
    assert result.exit_code == 1


def test_unreadable_file_fails_with_the_system_s_reason(tmp_path: Path) -> None:
    """A file that cannot be opened is an error with its cause, and has no excerpt."""
    with pytest.raises(SourceInvalid, match="cannot be read: Is a directory"):
        read_bytes(tmp_path)

    assert read_text(str(tmp_path)) is None


def test_excerpt_shows_undecodable_bytes_as_replacements(tmp_path: Path) -> None:
    """A file that is not UTF-8 can still be shown."""
    path = tmp_path / "latin"
    path.write_bytes(b"caf\xe9")

    assert read_text(str(path)) == "caf\ufffd"


def test_faults_of_the_develop_group_weigh_as_the_config_installs_it(run: Run, repository: Path) -> None:
    """An entry that cannot be built is a warning, and an error once `python.dev` asks for it; for folder and file."""
    pipfile, lock = make_lock({}, hashes={"six": []}, develop={"six": "1.17.0"})
    (repository / "Pipfile").write_text(pipfile)
    (repository / "Pipfile.lock").write_text(lock)
    without = [run("validate", path) for path in (repository, repository / "Pipfile.lock")]
    (repository / ".hublish.yaml").write_text(GOOD + "python: {dev: true}\n")
    wanted = [run("validate", path) for path in (repository, repository / "Pipfile.lock")]

    assert [result.exit_code for result in without] == [0, 0]
    assert ["warning[" in result.stdout for result in without] == [True, True]
    assert [result.exit_code for result in wanted] == [3, 3]


def test_lock_alone_has_its_develop_group_left_out(run: Run, repository: Path) -> None:
    """Without a config nothing asks for the develop group."""
    pipfile, lock = make_lock({}, hashes={"six": []}, develop={"six": "1.17.0"})
    (repository / ".hublish.yaml").unlink()
    (repository / "Pipfile").write_text(pipfile)
    (repository / "Pipfile.lock").write_text(lock)

    assert run("validate", repository / "Pipfile").exit_code == 0


def test_misnamed_config_is_a_warning_that_names_the_right_name(run: Run, repository: Path) -> None:
    """A folder whose config has nearly the right name says so, and the rest is checked as ever."""
    write_lock(repository)
    (repository / ".hublish.yaml").rename(repository / ".hublish.yml")
    result = run("validate", repository)
    first = result.stdout.splitlines()[0]
    expected = (
        f"{repository}/.hublish.yml: warning[WrongFileName]: `.hublish.yml` is not read; "
        "the config file is called `.hublish.yaml`"
    )

    assert expected == first
    assert result.exit_code == 0


def test_misnamed_config_alone_is_named_with_its_right_name(run: Run, repository: Path) -> None:
    """A folder that holds nothing else to check is refused; who forgot the "a" need not guess why."""
    (repository / ".hublish.yaml").rename(repository / ".hublish.yml")
    result = run("validate", repository)
    words = " ".join(result.stderr.replace("│", " ").split())

    assert (
        f"neither .hublish.yaml nor Pipfile nor a lock in {repository}; `.hublish.yml` is not read; the config file is "
        "called `.hublish.yaml`: rename it: `git mv .hublish.yml .hublish.yaml`"
    ) in words
    assert result.exit_code == 2


def test_misnamed_config_given_by_its_name_is_checked_and_warned_of(run: Run, repository: Path) -> None:
    """Its keys are well, and yet no service would read it."""
    misnamed = repository / ".hublish.yml"
    (repository / ".hublish.yaml").rename(misnamed)
    expected = (
        f"{misnamed}: warning[WrongFileName]: `.hublish.yml` is not read; the config file is called `.hublish.yaml`\n"
        "  hint: rename it: `git mv .hublish.yml .hublish.yaml`\n"
        f"1 warning in {misnamed}\n"
    )

    assert run("validate", misnamed).stdout == expected


def test_example_of_the_old_format_is_read_as_the_old_format(run: Run, repository: Path) -> None:
    """A name that ends in `aicoe-ci.yaml` decides the format, whatever stands before it."""
    path = repository / "legacy.aicoe-ci.yaml"
    path.write_text("check: [thoth-build]\nbuild: {registry-org: team, registry-project: ts}\n")
    result = run("validate", path)
    expected = f"no findings in {path}\n"

    assert expected == result.stdout
    assert result.exit_code == 0


REQUIREMENTS = f"-r more.txt\nsix==1.0 --hash=sha256:{'a' * 64}\n"


def test_other_locks_are_checked_with_the_files_they_include(run: Run, repository: Path) -> None:
    """Without a Pipfile the requirements file is the lock; every file that was read is named."""
    (repository / "requirements.txt").write_text(REQUIREMENTS)
    (repository / "more.txt").write_text(f"tqdm==1.0 --hash=sha256:{'b' * 64}\n")
    (repository / ".python-version").write_text("3.11\n")
    names = (".hublish.yaml", "requirements.txt", "more.txt", ".python-version")
    expected = f"no findings in {', '.join(f'{repository}/{name}' for name in names)}\n"

    assert expected == run("validate", repository).stdout


@pytest.mark.parametrize("name", ["requirements.txt", "pylock.toml"])
def test_faults_of_other_locks_are_printed_with_their_place(run: Run, repository: Path, name: str) -> None:
    """A file by itself, or the folder that holds it."""
    (repository / name).write_text(
        "six>1 --hash=x\n" if name == "requirements.txt" else 'lock-version = "1.0"\ncreated-by = "x"\npackages = 1\n'
    )
    by_file, by_folder = run("validate", repository / name), run("validate", repository)

    assert by_file.stdout.startswith(f"{repository}/{name}")
    assert (by_file.exit_code, by_folder.exit_code) == (3, 3)


@pytest.mark.parametrize("whole_folder", [True, False])
def test_lock_of_uv_names_the_export_command(run: Run, repository: Path, whole_folder: bool) -> None:
    """The one thing to do is said."""
    (repository / "uv.lock").write_text("version = 1\n")
    result = run("validate", repository if whole_folder else repository / "uv.lock")

    assert "uv export --format pylock.toml" in result.stdout
    assert result.exit_code == 3


def test_lock_that_the_config_names_is_checked(run: Run, repository: Path) -> None:
    """Also beside a Dockerfile, when it is there."""
    (repository / ".hublish.yaml").write_text(GOOD + "python: {lock: env/requirements.txt}\n")
    (repository / "Dockerfile").write_text("FROM scratch\n")
    absent = run("validate", repository)
    (repository / "env").mkdir()
    (repository / "env" / "requirements.txt").write_text("six\n")
    present = run("validate", repository)

    assert absent.exit_code == 0
    assert f"{repository}/env/requirements.txt:1" in present.stdout
    assert present.exit_code == 3
