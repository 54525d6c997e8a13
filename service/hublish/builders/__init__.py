"""What to build: from a source, a lock and a base to a plan, and from a plan to image bytes. Knows no network."""
