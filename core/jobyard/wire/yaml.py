"""Answer a configuration as YAML to those who prefer it (contract, section 4, S)."""

from __future__ import annotations

import re
from typing import Final

import yaml

YAML_TYPES: Final = frozenset(
    {"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"}
)

_QUALITY: Final = re.compile(r";\s*q\s*=\s*([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", re.IGNORECASE)
# The C emitter: a configuration of a megabyte would hold the loop for seconds with the other.
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def yaml_text(document: object) -> bytes:
    """Write a JSON document as YAML, its fields in their order."""
    text: bytes = yaml.dump(
        document, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, encoding="utf-8"
    )
    return text


def prefers_yaml(accept: str) -> bool:
    """Tell whether an ``Accept`` header prefers YAML to JSON.

    YAML has to be named: a wildcard takes JSON. Of equal qualities the one that is named first
    is preferred, and one that is named is preferred to a wildcard.
    """
    ranges = [_media_range(each) for each in accept.split(",")]
    yaml_rank = max(
        (
            (quality, 1, -place)
            for place, (name, quality) in enumerate(ranges)
            if name in YAML_TYPES
        ),
        default=None,
    )
    if yaml_rank is None or not yaml_rank[0]:
        return False
    # The most specific range that covers JSON says how good JSON is.
    for named, covering in ((1, "application/json"), (0, "application/*"), (0, "*/*")):
        ranks = [
            (quality, named, -place)
            for place, (name, quality) in enumerate(ranges)
            if name == covering
        ]
        if ranks:
            return yaml_rank > max(ranks)
    return True


def _media_range(text: str) -> tuple[str, float]:
    quality = _QUALITY.search(text)
    name = text.partition(";")[0].strip().lower()
    return name, float(quality[1]) if quality else 1.0
