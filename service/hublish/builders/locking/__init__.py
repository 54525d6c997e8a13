"""Locks made by pipenv in a container of the base."""
