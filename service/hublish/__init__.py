"""hublish: publish a release; a tested, reproducible notebook image stands in your JupyterHub's list."""

__version__ = "0.1.0"
