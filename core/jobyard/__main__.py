"""Run ``python -m jobyard``."""

from __future__ import annotations

from jobyard.cli import main

if __name__ == "__main__":
    main()
