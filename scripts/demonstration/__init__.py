"""Start a gateway with no configuration and run the jobs of ``examples/`` on it."""
