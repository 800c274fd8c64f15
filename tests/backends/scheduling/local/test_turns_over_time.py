"""Jobs that come, end early, are stopped and deleted while shares change: a machine in virtual time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobyard.domain.virtual_cluster import VirtualClusterShare
from jobyard_backends.scheduling.local.decisions import Board, Held, Need, Resources, total
from jobyard_backends.scheduling.local.queue import Queue
from jobyard_backends.scheduling.local.turns import starts, victims

from .traces import MACHINE, amounts

CLUSTERS = ("default", "vc1", "vc2")


class Cluster(RuleBasedStateMachine):
    """Drive the decisions as the supervisor does."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.count = 0
        self.queue = Queue()
        self.held: dict[str, Held] = {}
        self.shares: dict[str, VirtualClusterShare] = {}
        self.share(50, 25, 0)

    @rule(first=st.integers(0, 50), second=st.integers(0, 50), borrowed=st.integers(0, 50))
    def share(self, first: int, second: int, borrowed: int) -> None:
        self.shares = {
            "default": VirtualClusterShare("default", 100 - first - second, 100),
            "vc1": VirtualClusterShare("vc1", first, first + borrowed),
            "vc2": VirtualClusterShare("vc2", second, second + borrowed),
        }
        self.decide()

    @rule(
        cluster=st.sampled_from(CLUSTERS),
        resources=amounts,
        runs=st.none() | st.integers(1, 9),
        pause=st.integers(0, 2),
    )
    def submit(self, cluster: str, resources: Resources, runs: int | None, pause: int) -> None:
        """A job comes, or is to be retried after a while."""
        self.count += 1
        need = Need(f"job{self.count:03}", cluster, resources, self.now + pause, runs)
        self.queue.put(need)
        self.decide()

    @rule(time=st.integers(1, 4))
    def pass_time(self, time: int) -> None:
        for _ in range(time):
            self.now += 1
            for key, each in tuple(self.held.items()):
                if each.until is not None and each.until <= self.now:
                    del self.held[key]
            self.decide()

    @precondition(lambda self: bool(self.held))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """One ends before its time, or is stopped."""
        del self.held[data.draw(st.sampled_from(sorted(self.held)))]
        self.decide()

    @precondition(lambda self: len(self.queue) > 0)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.queue.discard(data.draw(st.sampled_from(sorted(need.key for need in self.queue))))
        self.decide()

    @rule()
    def preempt(self) -> None:
        board = self.board()
        chosen = victims(board)
        for each in chosen:
            assert not board.used(each.need.cluster).within(board.guarantee(each.need.cluster))
            del self.held[each.need.key]
        before = set(self.held)
        self.decide()
        # Nobody is stopped in vain: somebody who is owed its share gets it.
        assert not chosen or set(self.held) > before

    def board(self) -> Board:
        lines = self.queue.lines(self.now)
        return Board(MACHINE, self.shares, tuple(self.held.values()), lines, self.now)

    def decide(self) -> None:
        board = self.board()
        for need in starts(board):
            used, limit = self.board().used(need.cluster), board.limit(need.cluster)
            # A quota that was lowered meanwhile lets nobody in; who is there stays.
            assert need.resources.within(limit - used)
            self.queue.discard(need.key)
            until = None if need.runs is None else self.now + need.runs
            self.held[need.key] = Held(need, self.now, until)

    @invariant()
    def the_machine_is_never_overcommitted(self) -> None:
        assert total(each.need for each in self.held.values()).within(MACHINE)

    @invariant()
    def an_idle_machine_has_nobody_waiting_who_could_run(self) -> None:
        if not self.held:
            board = self.board()
            for name, line in board.lines.items():
                assert not [n for n in line if n.resources.within(board.limit(name))]

    def teardown(self) -> None:
        """Whoever can run at all does when the others have ended, and all capacity comes back."""
        self.now += 10
        self.decide()
        while self.held:
            del self.held[min(self.held)]
            self.decide()
        self.an_idle_machine_has_nobody_waiting_who_could_run()


Cluster.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCluster = Cluster.TestCase
