"""Wheels: which one is installed, how it is opened with distrust, and the layer that it becomes."""
