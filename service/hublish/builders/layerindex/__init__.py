"""The layer index: what earlier builds found out, on this machine and in registries, signed and owned."""
