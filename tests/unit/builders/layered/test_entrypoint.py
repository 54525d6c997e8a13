"""The entry point, run for real by this Python: it copies once, never over anything, and always gets to the command."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hublish.builders.layered.entrypoint import SCRIPT, find_home, find_user, make_entrypoint
from hublish.core.plan import Environment
from tests.fakes import TINY_BASE
from tests.unit.builders.baseimage.parts import read
from tests.unit.builders.samples import TARGET, Bench


@pytest.fixture
def run(tmp_path: Path):
    script = tmp_path / "entrypoint.py"
    script.write_text(SCRIPT)
    source = tmp_path / "srv"
    (source / "sub").mkdir(parents=True)
    (source / "a.txt").write_text("from the image")
    (source / "sub" / "b.txt").write_text("b")
    (source / "link").symlink_to("/nowhere")
    (tmp_path / "home").mkdir()

    def start(*command: str, home: Path | None = None, name: str = "ts") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", str(script), str(source), name, *command],
            env={"HOME": str(tmp_path / "home" if home is None else home), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return start


def test_source_is_copied_then_the_command_runs(run, tmp_path):
    """An empty HOME gets the source; links stay links; nothing else is left there."""
    result = run("sh", "-c", "cat $HOME/ts/a.txt; exit 7")

    assert (result.stdout, result.stderr, result.returncode) == ("from the image", "", 7)
    assert (tmp_path / "home" / "ts" / "sub" / "b.txt").read_text() == "b"
    assert (tmp_path / "home" / "ts" / "link").readlink() == Path("/nowhere")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["ts"]


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_nothing_of_the_users_is_touched(run, tmp_path, kind):
    """Whatever has the name already stays as it is."""
    target = tmp_path / "home" / "ts"
    if kind == "folder":
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    elif kind == "file":
        target.write_text("mine")
    else:
        target.symlink_to("/nowhere/at/all")

    result = run("true")

    assert result.returncode == 0
    assert not (target / "a.txt").exists()


def test_home_that_cannot_be_written_keeps_nothing_from_starting(run, tmp_path):
    """The server starts anyway and the log says where the source is."""
    result = run("echo", "started", home=tmp_path / "missing")

    assert (result.stdout, result.returncode) == ("started\n", 0)
    assert "hublish: the source stays in" in result.stderr


@pytest.mark.parametrize(
    ("command", "message"),
    [((), "no command was given"), (("no-such-command-here",), "cannot start no-such-command-here")],
)
def test_command_that_cannot_start_is_said(run, command, message):
    """The container ends with the code shells use."""
    result = run(*command)

    assert result.returncode == 127
    assert message in result.stderr


def test_script_needs_nothing_but_an_old_python():
    """It runs on the base's Python, whatever that is."""
    compile(SCRIPT, "entrypoint.py", "exec", dont_inherit=True)
    imports = [line for line in SCRIPT.splitlines() if line.startswith(("import", "from"))]

    assert imports == ["import os", "import pwd", "import shutil", "import sys", "import tempfile"]


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("", ("1000:0", "/home/jovyan")),
        ("root", ("1000:0", "/home/jovyan")),
        ("0:0", ("1000:0", "/home/jovyan")),
        ("app", ("1001:12", "/opt/app")),
        ("app:5", ("1001:5", "/opt/app")),
        ("1001", ("1001", "/opt/app")),
        ("4711:0", ("4711:0", "/home/jovyan")),
        ("ghost", ("ghost", "/home/jovyan")),
    ],
)
def test_user_and_home(user, expected):
    """The base's own user is kept, as a number where it has one."""
    facts = read(TINY_BASE, {"/etc/passwd": b"x\napp:x:1001:12::/opt/app:/bin/sh\n"}, user=user)

    assert (find_user(facts), find_home(facts)) == expected


def test_user_without_a_passwd_file():
    """A base from scratch has none."""
    facts = replace(read(TINY_BASE, user="app"), passwd=None)

    assert find_user(facts) == "app"


def test_base_environment_starts_by_the_bases_python():
    """Without a virtual environment there is no other."""
    arguments = make_entrypoint(
        read(TINY_BASE), environment=Environment.BASE, source_path="/srv/repo", source_name="ts"
    )

    assert arguments == ["/usr/bin/python3.11", "-I", "/opt/hublish/entrypoint.py", "/srv/repo", "ts"]


def test_passwd_that_knows_the_user_is_left_alone(tmp_path):
    """A base whose passwd has uid 1000 already keeps it as it is."""
    bench = Bench(tmp_path)
    bench.add_base({"/etc/passwd": b"node:x:1000:1000::/home/node:/bin/sh"})

    bench.build()

    assert bench.images.read(TARGET, "/etc/passwd") == b"node:x:1000:1000::/home/node:/bin/sh"


def test_passwd_without_a_last_line_end_gets_one(tmp_path):
    """The new entry stands on a line of its own."""
    bench = Bench(tmp_path)
    bench.add_base({"/etc/passwd": b"root:x:0:0::/root:/bin/sh"})

    bench.build()

    assert bench.images.read(TARGET, "/etc/passwd") == (
        b"root:x:0:0::/root:/bin/sh\njovyan:x:1000:0::/home/jovyan:/bin/bash\n"
    )
