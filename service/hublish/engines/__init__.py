"""What executes a build. One port (`hublish.core.ports.Engine`), one module per engine; engines never import each other."""
