"""Bytes of OCI images: layers, config, manifest, layout, validation. Pure; follows the OCI image-spec v1.1."""
