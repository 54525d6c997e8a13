"""What compiled byte-code, as far as the byte-code shows it."""

from __future__ import annotations

import json
import subprocess
import sys

from hublish.builders.wheels.bytecode import describe_compiler, name_compiler

TELL = """
import hashlib, json
from hublish.builders.wheels.bytecode import describe_compiler, make_bytecode, name_compiler
body = make_bytecode(b"x = {'b', 'a'}\\nassert x", path="/a.py")
print(json.dumps([name_compiler(), describe_compiler(), hashlib.sha256(body).hexdigest()]))
"""


def tell(*options: str) -> list:
    done = subprocess.run(
        [sys.executable, *options, "-c", TELL], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def test_switch_that_changes_byte_code_names_another_compiler() -> None:
    """Layers and images of such a process are never taken for those of others; the switches that change nothing are not told."""
    own, same, other = tell(), tell("-OO", "-X", "dev", "-X", "utf8=0"), tell("-X", "no_debug_ranges")

    assert own[:2] == [name_compiler(), describe_compiler()]
    assert same == own
    assert other[2] != own[2]
    assert other[:2] == [f"{own[0]} no_debug_ranges", [*own[1], "no_debug_ranges"]]
