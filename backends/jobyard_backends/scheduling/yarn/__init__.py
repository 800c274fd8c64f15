"""Jobs and virtual clusters on YARN."""
