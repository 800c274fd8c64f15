"""The lines of those who wait, however they come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jobyard_backends.scheduling.local.decisions import Need, Resources
from jobyard_backends.scheduling.local.queue import Queue

KEYS = st.sampled_from("abcdefgh")
CLUSTERS = ("default", "vc1")
PLACED = frozenset("bd")


def need(key: str, cluster: str, since: int) -> Need:
    return Need(key, cluster, Resources(1, 100, 0), since)


class Lines(RuleBasedStateMachine):
    """Hold a queue against a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue()
        self.model: dict[str, Need] = {}

    @rule(key=KEYS, cluster=st.sampled_from(CLUSTERS), since=st.integers(0, 5))
    def put(self, key: str, cluster: str, since: int) -> None:
        self.model[key] = need(key, cluster, since)
        self.queue.put(need(key, cluster, since))

    @rule(key=KEYS)
    def discard(self, key: str) -> None:
        self.model.pop(key, None)
        self.queue.discard(key)

    @rule(now=st.integers(-1, 6))
    def look(self, now: int) -> None:
        for cluster in CLUSTERS:
            due = [each for each in self.line(cluster) if each.since <= now]
            found = self.queue.lines(now, PLACED).get(cluster, ())
            assert list(found) == due
        coming = [each.since for each in self.model.values() if each.since > now]
        assert self.queue.next_due(now) == min(coming, default=None)

    @invariant()
    def positions_are_exact(self) -> None:
        assert len(self.queue) == len(self.model)
        for cluster in CLUSTERS:
            line = self.line(cluster)
            assert self.queue.lengths(PLACED).get(cluster, 0) == len(line)
            assert [self.queue.position(each, PLACED) for each in line] == [
                place + 1 for place in range(len(line))
            ]

    def line(self, cluster: str) -> list[Need]:
        mine = [each for each in self.model.values() if each.cluster == cluster]
        waiting = [each for each in mine if each.key not in PLACED]
        return sorted(waiting, key=lambda each: (each.since, each.key))


TestLines = Lines.TestCase


@given(times=st.lists(st.integers(0, 9), max_size=20))
def test_a_line_is_sorted_by_time_and_can_be_read_again(times: list[int]) -> None:
    queue = Queue()
    for number, time in enumerate(times):
        queue.put(need(f"{number:02}", "default", time))

    line = queue.lines(9).get("default", ())

    assert [each.since for each in line] == sorted(times)
    assert list(line) == list(line)
