"""From a source, its lock and a base to a plan, or to findings: everything is decided before anything is made."""
