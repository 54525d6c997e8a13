"""What a command imports: only what it uses, so that it starts at once. Modules are compared, not times."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.base_layout import write_base_layout
from tests.sandbox.wheels import make_wheel

# Run in a process of its own, with nothing of this one's: prints the names of what was imported.
SCRIPT = """
import sys
from hublish.cli import main
try:
    main(sys.argv[1:])
finally:
    print("modules", *sorted(sys.modules))
"""
SERVICE = {
    "alembic", "asyncio", "charset_normalizer", "click", "cryptography", "dbos", "docker", "fastapi", "github", "httpx",
    "jinja2", "jwt", "kubernetes", "markdown_it", "nacl", "opentelemetry", "psycopg", "requests", "sqlalchemy", "starlette",
    "structlog", "uvicorn",
}  # fmt: skip
WORK = {"deflate", "installer", "isal", "packaging", "plette", "pydantic", "rich", "tomlkit", "urllib3", "yaml"}
# What a layered build of a folder without a config has no use for, and would wait for at each start.
ELSEWHERE = {
    "hublish.bootstrap.engines", "hublish.builders.containers.plan",
    "hublish.builders.verification.rebuild", "hublish.core.codec", "hublish.core.config.model", "hublish.core.locks.pylock",
    "hublish.core.trees.yamlmodel", "hublish.engines", "hublish.settings",
}  # fmt: skip
MAKERS = {"installer", "rich", "yaml", "hublish.builders.baseimage.scan", "hublish.builders.wheels.wheelinstall"}
WHEEL = "pip-25.2-py3-none-any.whl"


def run_alone(*arguments: str | Path) -> tuple[str, set[str]]:
    """Run a command; returns what it printed and which packages, and modules of ours, it had imported at its end."""
    command = [sys.executable, "-c", SCRIPT, *(str(argument) for argument in arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    printed, _, modules = done.stdout.rpartition("modules ")
    return printed, {name if name.startswith("hublish.") else name.partition(".")[0] for name in modules.split()}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A folder whose only package lies in it, so that no index is asked."""
    folder = tmp_path / "ts"
    folder.mkdir()
    body = make_wheel("pip", "25.2")
    (folder / WHEEL).write_bytes(body)
    line = f"pip @ ./{WHEEL} --hash=sha256:{hashlib.sha256(body).hexdigest()}\n"
    (folder / "requirements.txt").write_text(line)
    (folder / ".python-version").write_text("3.11\n")
    return folder


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_no_command(option: str) -> None:
    """Neither the service nor anything that works on images is there."""
    printed, modules = run_alone(option)

    assert "hublish" in printed
    assert modules & (SERVICE | WORK) == set()


@pytest.mark.parametrize("command", ["validate", "plan", "build", "verify", "doctor"])
def test_help_of_a_command_imports_no_service(command: str) -> None:
    """A user on their own machine never waits for the service."""
    printed, modules = run_alone(command, "--help")

    assert "Examples:" in printed
    assert modules & SERVICE == set()


def test_validate_imports_no_client(repository: Path) -> None:
    """A pre-commit hook reads files and speaks with nobody."""
    printed, modules = run_alone("validate", repository)

    assert "no findings" in printed
    assert modules & (SERVICE | {"urllib3", "ssl", "installer", "isal", "deflate", "multiprocessing"}) == set()


def test_build_imports_no_service(repository: Path, tmp_path: Path) -> None:
    """A whole build, base, layers and layout, needs nothing of what `hublish serve` is made of."""
    base, output = write_base_layout(tmp_path / "base"), tmp_path / "out"
    printed, modules = run_alone(
        "build", repository, "--base", f"oci:{base}", "--output", output, "--cache", tmp_path / "cache"
    )

    assert f"oci:{output} sha256:" in printed
    assert modules & (SERVICE | ELSEWHERE) == set()
    assert "installer" in modules


def test_second_build_imports_no_reader_of_what_is_known(repository: Path, tmp_path: Path) -> None:
    """Where every layer of packages is known and nobody watches, nothing that makes layers, colours or signs is there."""
    base, key = write_base_layout(tmp_path / "base"), tmp_path / "key.pem"
    words = ["build", repository, "--base", f"oci:{base}", "--cache", tmp_path / "cache", "--cache-key", key]
    run_alone(*words, "--output", tmp_path / "first")
    printed, modules = run_alone(*words, "--output", tmp_path / "second")

    assert f"oci:{tmp_path / 'second'} sha256:" in printed
    assert modules & {*MAKERS, *SERVICE, *ELSEWHERE} == set()
