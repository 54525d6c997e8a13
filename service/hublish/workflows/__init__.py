"""Durable workflows: the only room (with bootstrap) that imports DBOS."""
