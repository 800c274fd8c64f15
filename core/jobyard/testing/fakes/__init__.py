"""Backends in memory that keep their seams' promises, for tests of what stands on them."""
