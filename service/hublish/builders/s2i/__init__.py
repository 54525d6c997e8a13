"""Source-to-image without its program: what `s2i build --as-dockerfile` writes, made as a pure function of facts.

Facts go in (the builder image's labels and variables, the files of the source tree, the config), a Dockerfile and the
list of files beside it come out; nothing is fetched or run. Scripts come from the builder image or from `.s2i/bin`.

Source:
    source-to-image 1.5.1, whose output the end-to-end tests compare with; docs/reference/s2i.md lists where it differs.
"""
