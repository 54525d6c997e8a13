"""The stages of a Dockerfile and the images they name: in FROM, in `COPY --from` and in `RUN --mount`.

Every image that the build would fetch is found, so that a plan can pin it; what cannot be known before the build is a
finding with its line. Stages behind the target are not built, so nothing in them is asked for.

Source:
    Dockerfile reference, FROM, ARG, COPY, RUN --mount.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from hublish.builders.dockerfile.arguments import check_arguments, make_platform_values
from hublish.builders.dockerfile.instructions import (
    Instruction,
    Instructions,
    Word,
    parse_instructions,
)
from hublish.builders.dockerfile.words import expand_word
from hublish.core.container import SecretMount
from hublish.core.finding import Finding, Severity
from hublish.core.suggestion import suggest
from hublish.errors import DockerfileInvalid, ValueInvalid, clip

SCRATCH = "scratch"
_KNOWN = (
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER"),
    *("ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
)
_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_STAGE_WORDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageUse:
    """One place where an image is named.

    Attributes:
        name: the image, variables put in.
        word: the text to rewrite.
        line: 1-based.
        platform: what `FROM --platform` asks for, variables put in; None when it does not.
        flag: what stands before the name in `word`, e.g. "--from="; "" in a FROM.
        rest: what stands behind it in `word`.
    """

    name: str
    word: Word
    line: int
    platform: str | None = None
    flag: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dockerfile:
    """What a plan must know of a Dockerfile; `uses` are in the order of the file, `secrets` sorted by name."""

    uses: tuple[ImageUse, ...]
    secrets: tuple[SecretMount, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerfileInputs:
    """What a Dockerfile is read with.

    Attributes:
        text: the file.
        path: in the repository, for findings.
        args: build arguments `(name, value)` of the config.
        target: stage to build; None for the last one.
        platform: `os/architecture` of the image.
        config_path: the config file, for findings about arguments and target.
    """

    text: str
    path: str
    args: tuple[tuple[str, str], ...]
    target: str | None
    platform: str
    config_path: str


def read_dockerfile(inputs: DockerfileInputs) -> Dockerfile:
    """Read a Dockerfile; its faults are findings, all at once where they do not hide each other."""
    try:
        parsed = parse_instructions(inputs.text)
    except DockerfileInvalid as error:
        finding = _make_finding(inputs, "DockerfileInvalid", error.message, line=error.line)
        return Dockerfile(uses=(), secrets=(), findings=(finding,))
    reader = _Reader(inputs=inputs, parsed=parsed)
    reader.read()
    return Dockerfile(
        uses=tuple(reader.uses),
        secrets=tuple(SecretMount(name=name, required=required) for name, required in sorted(reader.secrets.items())),
        findings=tuple(reader.findings),
    )


def _make_finding(
    inputs: DockerfileInputs,
    code: str,
    message: str,
    *,
    line: int | None,
    hint: str = "",
    severity: Severity = Severity.ERROR,
) -> Finding:
    return Finding(severity=severity, code=code, message=message, hint=hint, path=inputs.path, line=line)


@dataclass(slots=True, kw_only=True)
class _Reader:
    inputs: DockerfileInputs
    parsed: Instructions
    uses: list[ImageUse] = field(default_factory=list)
    secrets: dict[str, bool] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=list)

    def read(self) -> None:
        self.values |= make_platform_values(self.inputs.platform)
        self._read_syntax()
        last = self._find_last_stage()
        for instruction in self.parsed.items:
            if instruction.name == "FROM" and len(self.stages) > last:
                break
            self._read_instruction(instruction)
        self.findings += check_arguments(
            self.inputs.args, self.parsed, path=self.inputs.path, config_path=self.inputs.config_path
        )

    def _read_syntax(self) -> None:
        syntax = self.parsed.directives.get("syntax")
        if syntax is not None:
            message = f'the directive syntax names "{clip(syntax, limit=80)}", which is not fetched; the engine reads the file itself'
            self._say("SyntaxUnread", message, line=1, severity=Severity.NOTE)

    def _find_last_stage(self) -> int:
        """Index of the stage that is built."""
        names = [_read_stage_name(item) for item in self.parsed.items if item.name == "FROM"]
        if not names:
            self._say("DockerfileInvalid", "there is no FROM, so there is nothing to build on", line=None)
            return 0
        target = self.inputs.target
        if target is None:
            return len(names) - 1
        if target.lower() in names:
            return names.index(target.lower())
        if target.isdecimal() and int(target) < len(names):
            return int(target)
        known = tuple(name for name in names if name)
        self.findings.append(
            Finding(
                severity=Severity.ERROR,
                code="TargetMissing",
                message=f'{clip(self.inputs.path)} has no stage "{clip(target, limit=80)}"',
                hint=suggest(target, known) or f"its stages are: {', '.join(known[:10]) or 'without names'}",
                path=self.inputs.config_path,
                key="dockerfile.target",
            )
        )
        return len(names) - 1

    def _read_instruction(self, instruction: Instruction) -> None:
        if instruction.name not in _KNOWN:
            message = f'unknown instruction "{clip(instruction.name, limit=40)}"'
            self._say("DockerfileInvalid", message, line=instruction.line, hint=suggest(instruction.name, _KNOWN))
        elif instruction.name == "FROM":
            self._read_from(instruction)
        elif instruction.name == "ARG":
            self._read_arg(instruction)
        elif not self.stages:
            message = f"{instruction.name} stands before the first FROM, where only ARG may"
            self._say("DockerfileInvalid", message, line=instruction.line)
        elif instruction.name in ("ADD", "COPY", "RUN"):
            for flag in instruction.flags:
                self._read_flag(flag, instruction)

    def _read_from(self, instruction: Instruction) -> None:
        words = [word.text for word in instruction.words]
        name = _read_stage_name(instruction)
        named = len(words) == _STAGE_WORDS and words[1].upper() == "AS" and _STAGE_NAME.fullmatch(name)
        if len(words) != 1 and not named:
            message = f'expected FROM image or FROM image AS name, got "{clip(" ".join(words), limit=80)}"'
            self._say("DockerfileInvalid", message, line=instruction.line)
        else:
            platform = next((flag for flag in instruction.flags if flag.text.startswith("--platform=")), None)
            self._add_base(instruction.words[0], instruction.line, platform)
        self.stages.append(name)

    def _add_base(self, word: Word, line: int, platform: Word | None) -> None:
        name = self._expand(word.text, line)
        wanted = None if platform is None else self._expand(platform.text.removeprefix("--platform="), line)
        if name is None or (platform is not None and wanted is None):
            return
        if name.lower() != SCRATCH and not self._is_stage(name):
            self.uses.append(ImageUse(name=name, word=word, line=line, platform=wanted))

    def _read_arg(self, instruction: Instruction) -> None:
        given = dict(self.inputs.args)
        for word in instruction.words:
            name, equals, default = word.text.partition("=")
            if self.stages:
                continue
            if name in given:
                self.values[name] = given[name]
            elif equals:
                try:
                    self.values[name] = expand_word(default, self.values, escape=self.parsed.escape)
                except ValueInvalid:
                    # It matters only where an image is named by it, and is told there.
                    self.values.pop(name, None)

    def _read_flag(self, flag: Word, instruction: Instruction) -> None:
        if flag.text.startswith("--from=") and instruction.name != "RUN":
            self._add_source(flag.text.removeprefix("--from="), flag, instruction.line, "--from=", "")
        if not flag.text.startswith("--mount=") or instruction.name != "RUN":
            return
        before = "--mount="
        parts = flag.text.removeprefix(before).split(",")
        options = {key.strip().lower(): value for key, _, value in (part.partition("=") for part in parts)}
        if options.get("type") == "secret":
            self._add_secret(options)
        for index, part in enumerate(parts):
            key, equals, value = part.partition("=")
            if key.strip().lower() == "from":
                done = before + "".join(f"{text}," for text in parts[:index]) + key + equals
                rest = "".join(f",{text}" for text in parts[index + 1 :])
                self._add_source(value, flag, instruction.line, done, rest)

    def _add_source(self, text: str, word: Word, line: int, flag: str, rest: str) -> None:
        name = text.strip("\"'")
        if "$" in name:
            message = (
                f'the image in "{clip(word.text, limit=80)}" is named by a variable, which no engine puts in there'
            )
            hint = "name the image in a FROM of its own, with AS, and use that name"
            self._say("BaseUnresolved", message, line=line, hint=hint)
        elif (
            name.lower() != SCRATCH
            and not self._is_stage(name)
            and not (name.isdecimal() and int(name) < len(self.stages))
        ):
            self.uses.append(ImageUse(name=name, word=word, line=line, flag=flag, rest=rest))

    def _add_secret(self, options: dict[str, str]) -> None:
        target = options.get("target") or options.get("dst") or options.get("destination") or ""
        name = options.get("id") or target.rpartition("/")[2]
        required = options.get("required", "false").lower() in ("", "1", "true")
        self.secrets[name] = self.secrets.get(name, False) or required

    def _is_stage(self, name: str) -> bool:
        return bool(name) and name.lower() in self.stages

    def _expand(self, text: str, line: int) -> str | None:
        try:
            return expand_word(text, self.values, escape=self.parsed.escape)
        except ValueInvalid as error:
            self._say("BaseUnresolved", error.message, line=line, hint=error.hint)
            return None

    def _say(
        self, code: str, message: str, *, line: int | None, hint: str = "", severity: Severity = Severity.ERROR
    ) -> None:
        self.findings.append(_make_finding(self.inputs, code, message, line=line, hint=hint, severity=severity))


def _read_stage_name(instruction: Instruction) -> str:
    """The stage's name in lower case; "" when it has none."""
    return instruction.words[2].text.lower() if len(instruction.words) == _STAGE_WORDS else ""
