"""Print the requirements of dependency groups of ``pyproject.toml``.

pip reads dependency groups from 25.1 on; Debian's Python 3.11 comes with an older one.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ALONE = {"mutation"}  # not what scripts/test installs


def main() -> None:
    """Print one requirement a line: of the groups named, or of all that ``scripts/test`` needs."""
    groups = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["dependency-groups"]
    names = sys.argv[1:] or groups.keys() - ALONE
    print("\n".join(sorted({line for name in names for line in groups[name]})))


if __name__ == "__main__":
    main()
