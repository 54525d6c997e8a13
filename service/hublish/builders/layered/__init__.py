"""The layered strategy: a base, layers of wheels and a source tree become one image."""
