"""Which backends exist, and how each is configured; imports no backend until one is opened."""
