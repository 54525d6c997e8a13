"""Images for Docker: into a file that `docker load` reads, and into an engine. Nothing is kept half-written.

Both are the port ImageWriter. Blobs are noted as they are announced and read when the manifest comes, so that nothing
lies on disk twice; each is verified while it passes.
"""
