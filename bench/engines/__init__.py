"""Builds in pods by hublish against bare TaskRuns of the same Steps: `make bench-engines`. See README.md beside this file."""
