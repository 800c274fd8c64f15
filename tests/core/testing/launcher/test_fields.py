"""A descriptor of any shape is read or refused, never more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobyard.testing.launcher.descriptor import read_descriptor
from jobyard.testing.launcher.options import ClusterOptions
from jobyard.testing.launcher.refusal import Refusal

NAMES = ("version", "taskRoles", "user", "name", "taskService", "retryPolicy", "resource", "w")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_sent_is_a_descriptor_or_refused(body: object) -> None:
    refused = []
    try:
        descriptor = read_descriptor(body, ClusterOptions())
    except Refusal as refusal:
        refused.append(refusal.status)
    else:
        assert read_descriptor(descriptor.document(), ClusterOptions()) == descriptor

    assert refused in ([], [400])
