"""Golden files: outputs kept whole, each with a command that writes it anew."""
