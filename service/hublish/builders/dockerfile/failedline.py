"""From the instruction that an engine named when it failed back to its line in the Dockerfile.

Engines print an instruction on one line, in their own spacing, and no line number; so it is found by its words. What
could be two lines is none: a remark beside the wrong line is worse than no remark.
"""

from __future__ import annotations

from hublish.builders.dockerfile.instructions import Instruction, parse_instructions
from hublish.errors import DockerfileInvalid

_CUT = "…"


def find_instruction_line(text: str, label: str) -> int | None:
    """Find the line at which an instruction begins.

    Args:
        text: the Dockerfile.
        label: the instruction as an engine printed it, "…" at its end where it was cut; "" for none.

    Returns:
        The 1-based line; None when no instruction reads like that, or more than one.
    """
    wanted = _flatten(label.removesuffix(_CUT).split())
    if not wanted:
        return None
    try:
        instructions = parse_instructions(text).items
    except DockerfileInvalid:
        return None
    cut = label.endswith(_CUT)
    lines = [item.line for item in instructions if _reads(_flatten_instruction(item), wanted, cut=cut)]
    return lines[0] if len(lines) == 1 else None


def _flatten_instruction(instruction: Instruction) -> str:
    words = (*instruction.flags, *instruction.words)
    return _flatten([instruction.name, *(part for word in words for part in word.text.split())])


def _flatten(words: list[str]) -> str:
    return " ".join([words[0].upper(), *words[1:]]) if words else ""


def _reads(instruction: str, wanted: str, *, cut: bool) -> bool:
    return instruction.startswith(wanted) if cut else instruction == wanted
