"""Layered images against the ordinary ways to build them: one run, same base, same locks, same registry."""
