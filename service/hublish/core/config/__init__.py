"""The config of a repository: its model, its rules, both file formats, and the grammars of its values."""
