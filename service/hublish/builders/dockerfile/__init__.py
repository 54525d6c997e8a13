"""Dockerfiles read as far as a plan must know them: stages, the images they name, build arguments, the context.

Nothing is executed and nothing else is changed: the only bytes that are rewritten are names of images, which become
digests. What an instruction does is the engine's business.

Source:
    Dockerfile reference; moby/buildkit's parser, with which the tests compare.
"""
