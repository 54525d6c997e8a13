"""`python -m hublish.cli`: the same program as `hublish`."""

from hublish.cli import main

main()
