"""Print the requirements of all dependency groups of ``pyproject.toml``.

pip reads dependency groups from 25.1 on; Debian's Python 3.11 comes with an older one.
"""

from __future__ import annotations

import tomllib
from pathlib import Path


def main() -> None:
    """Print one requirement a line."""
    document = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))
    requirements = {line for group in document["dependency-groups"].values() for line in group}
    print("\n".join(sorted(requirements)))


if __name__ == "__main__":
    main()
