"""The golden table over all webhook examples that GitHub publishes."""

from __future__ import annotations

from tests.golden.webhook_decisions import TABLE, render_table
from tests.sandbox.webhook_examples import load_webhook_examples


def test_every_published_example_is_decided_as_the_table_says() -> None:
    """For each event and action the decision and its reason; written anew by the command in the table's head."""
    expected = TABLE.read_text(encoding="utf-8")

    assert render_table() == expected
    assert len(load_webhook_examples()) == 329
