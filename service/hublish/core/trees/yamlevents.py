"""PyYAML's parser run within limits: the events of one document, or the fault that makes a file unreadable.

Nothing is composed or constructed here, so that a hostile file costs at most NODE_LIMIT events.
"""

from __future__ import annotations

from typing import Any

import yaml

from hublish.core.finding import Finding, Severity
from hublish.core.place import Place
from hublish.errors import clip

DEPTH_LIMIT = 20
NODE_LIMIT = 5000


def make_place(mark: Any) -> Place:
    """Make a 1-based place from PyYAML's 0-based mark (typed as optional there, but the parser always sets it)."""
    return Place(line=mark.line + 1, column=mark.column + 1)


class EventReader:
    """Runs PyYAML's parser up to the end of the first document, within the limits.

    Attributes:
        events: the document's events, once `read` returned.
        findings: faults that leave the first document readable.
    """

    def __init__(self, text: str, *, path: str) -> None:
        self._text = text
        self._path = path
        self.events: list[yaml.Event] = []
        self.findings: list[Finding] = []

    def read(self) -> Finding | None:
        """Collect the events; returns the fault that makes the file unreadable, or None."""
        try:
            return self._collect()
        except yaml.MarkedYAMLError as error:
            return self._explain(error)
        except yaml.reader.ReaderError as error:
            message = f"the character U+{error.character:04X} is not allowed in YAML"
            return self._make("ControlCharacter", message, place=self._place(error.position))
        except (ValueError, OverflowError):
            # PyYAML's scanner lets int() and chr() speak for themselves, e.g. on "\UFFFFFFFF", and gives no mark.
            last = make_place(self.events[-1].end_mark) if self.events else Place(line=1, column=1)
            return self._make("YAMLInvalid", "an escape or a number here is out of YAML's range", place=last)

    def _collect(self) -> Finding | None:
        depth = 0
        documents = 0
        for event in yaml.parse(self._text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    message = "a second document starts here; only one is read"
                    hint = "remove the line `---` and what follows it"
                    self.findings.append(
                        self._make("SecondDocument", message, hint=hint, place=make_place(event.start_mark))
                    )
                    return None
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > DEPTH_LIMIT:
                message = f"more than {DEPTH_LIMIT} levels of nesting"
                return self._make("TooDeep", message, place=make_place(event.start_mark))
            self.events.append(event)
            if len(self.events) > NODE_LIMIT:
                message = f"more than {NODE_LIMIT} keys, values and brackets"
                return self._make("TooManyItems", message, place=make_place(event.start_mark))
        return None

    def _explain(self, error: yaml.MarkedYAMLError) -> Finding:
        mark = error.problem_mark if error.problem_mark is not None else error.context_mark
        place = Place(line=1, column=1) if mark is None else make_place(mark)
        lines = self._text.splitlines()
        line = lines[place.line - 1] if place.line <= len(lines) else ""
        indentation = line[: len(line) - len(line.lstrip())]
        if "\t" in (*indentation, *line[place.column - 1 : place.column]):
            column = line.index("\t") + 1
            message = "a tab stands where YAML allows only spaces"
            hint = "replace each tab by spaces"
            return self._make("TabFound", message, hint=hint, place=Place(line=place.line, column=column))
        context = f" ({clip(error.context)})" if error.context else ""
        message = f"the file is not valid YAML: {clip(error.problem or 'unknown fault')}{context}"
        hint = "check the indentation, quotes and brackets at this line and the one before"
        return self._make("YAMLInvalid", message, hint=hint, place=place)

    def _place(self, position: int) -> Place:
        return Place(
            line=self._text.count("\n", 0, position) + 1, column=position - self._text.rfind("\n", 0, position)
        )

    def _make(self, code: str, message: str, *, place: Place, hint: str = "") -> Finding:
        return Finding(
            severity=Severity.ERROR,
            code=code,
            message=message,
            hint=hint,
            path=self._path,
            line=place.line,
            column=place.column,
        )
