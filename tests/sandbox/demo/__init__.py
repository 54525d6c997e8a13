"""The demo: the whole road from a published release to a pull request, real from end to end, on one machine."""
