"""The base image: opened for reading, scanned, and what layers on top must know of it; nothing of it is run."""
