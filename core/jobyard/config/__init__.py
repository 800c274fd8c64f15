"""The configuration file: read with its lines and columns, checked against attrs classes."""
