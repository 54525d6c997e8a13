"""A repository the App was just installed on: what it holds, and the config and the issue form proposed for it. Pure."""
