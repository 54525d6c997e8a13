"""Doors to the outside: GitHub, registries, package indexes, disk, database. One module each, none imports another."""
