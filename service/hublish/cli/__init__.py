"""The command line: one module per command, one place for exit codes, one for what is printed.

It decides how things are said, never what is done: the work comes from `hublish.bootstrap` through `cli.house`.
"""

from hublish.cli.app import main

__all__ = ["main"]
