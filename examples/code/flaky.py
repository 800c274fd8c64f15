"""Fail the first time and succeed the second, to show what ``retryCount`` does.

The two attempts share nothing but the job's output folder, so that is where the first leaves its
mark.
"""

from __future__ import annotations

import os

from storage import Storage


def main() -> None:
    """End with 1 where there is no mark yet, with 0 where there is."""
    storage = Storage.of_this_task()
    mark = f"{os.environ['PAI_OUTPUT_DIR']}/attempted"
    if not storage.exists(mark):
        storage.write(mark, b"one attempt was made\n")
        raise SystemExit("nobody tried this before: failing")
    print("somebody tried this before: succeeding")


if __name__ == "__main__":
    main()
