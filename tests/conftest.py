"""Fixtures every test may ask for, and the rules of the whole suite."""

from tests.sandbox.fixtures import github, github_process, receiver

__all__ = ["github", "github_process", "receiver"]
