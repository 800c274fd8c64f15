"""Every rule of the scheduling suite is there for a reason: a scheduler that breaks it, caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import pytest

from jobyard.testing.fakes.scheduling import CAPABILITIES, FakeScheduler, fake_scheduling
from jobyard.testing.scheduling import SchedulingConformance, SchedulingSubject
from tests.conformance import (
    schedulers_jobs as jobs,
)
from tests.conformance import (
    schedulers_manners as manners,
)
from tests.conformance import (
    schedulers_rules as rules,
)
from tests.conformance import (
    schedulers_sources as sources,
)
from tests.conformance import (
    schedulers_tell as tell,
)
from tests.conformance.catching import caught_by

Make = Callable[..., FakeScheduler]

CAUGHT: Final[dict[Make, set[str]]] = {
    jobs.AcceptsADuplicate: {"test_another_submission_of_a_name_is_refused"},
    jobs.LooksThenTakes: {"test_of_many_submissions_of_a_name_one_is_taken"},
    jobs.RefusesTheSameAgain: {"test_a_submission_is_taken_once"},
    jobs.BeginsTheSameAgain: {"test_a_submission_is_taken_once"},
    jobs.KeepsWhatItRefuses: {
        "test_an_unknown_virtual_cluster_is_refused",
        "test_a_submission_that_was_refused_may_come_again",
    },
    jobs.FoldsNames: {"test_every_legal_name_is_taken_and_kept_apart"},
    jobs.FindsByName: {
        "test_a_submission_is_found_in_every_phase",
        "test_a_deleted_submission_is_absent",
        "test_a_jobs_life_is_that_of_the_model",
    },
    jobs.ForgetsARow: {"test_jobs_are_there_after_a_restart"},
    jobs.RunsAgainAfterARestart: {"test_jobs_are_there_after_a_restart"},
    jobs.ForgetsOperations: {
        "test_an_operation_has_its_effect_once",
        "test_what_was_decided_stays_decided",
    },
    jobs.RevivesTheStopped: {"test_a_stop_is_final"},
    jobs.StopsTheEnded: {"test_a_stop_of_an_ended_job_changes_what_is_wanted_alone"},
    jobs.StopsWith143: {"test_a_running_job_is_stopped", "test_a_waiting_job_is_stopped_at_once"},
    jobs.LeavesTasksAsKilled: {"test_a_running_job_is_stopped"},
    jobs.DoesNotStopTheWaiting: {"test_a_waiting_job_is_stopped_at_once"},
    jobs.OperatesByName: {
        "test_an_old_incarnation_does_not_touch_the_new",
        "test_what_is_not_there_cannot_be_started_or_stopped",
    },
    jobs.KeepsTheName: {"test_a_deleted_job_is_gone_at_once", "test_a_name_is_free_at_once"},
    jobs.IsAlwaysGoing: {"test_a_deletion_comes_to_its_end"},
    jobs.MissesAbsentOnDelete: {"test_an_absent_job_is_deleted"},
    tell.NeverChangesTheVersion: {
        "test_every_change_changes_the_version",
        "test_equal_versions_promise_equal_items",
    },
    tell.HidesTheEnded: {"test_a_list_is_whole"},
    tell.AlwaysTellsTheLastAttempt: {
        "test_older_attempts_are_kept",
        "test_what_is_not_there_is_not_found",
    },
    tell.SaysNothingOfWaiting: {"test_a_waiting_job_says_why"},
    rules.IgnoresMinSucceeded: {"test_enough_successes_end_the_job"},
    rules.FailsAtTheFirst: {
        "test_a_role_without_a_threshold_fails_no_job",
        "test_failures_below_the_threshold_are_tolerated",
    },
    rules.NeverFails: {"test_a_failure_ends_the_job", "test_a_job_fails_with_its_tasks_code"},
    rules.SucceedsAtTheFirst: {"test_successes_without_a_threshold_end_no_job"},
    rules.RetriesOnceMore: {"test_a_failure_is_retried_so_often_and_no_more"},
    rules.RetriesOnceLess: {"test_a_failure_is_retried_so_often_and_no_more"},
    rules.RetriesAtLeastOnce: {"test_without_retries_there_is_one_attempt"},
    rules.NeverRetriesWithoutLimit: {"test_a_failure_is_retried_without_limit"},
    rules.RetriesNoSuccess: {"test_every_end_is_retried_for_ever"},
    rules.RetriesSuccesses: {"test_a_success_is_not_retried"},
    rules.IgnoresTheVersion: {
        "test_a_plan_against_an_old_version_is_a_conflict",
        "test_of_parallel_plans_none_is_lost",
    },
    rules.AppliesHalf: {"test_a_plan_that_makes_no_sense_changes_nothing"},
    rules.AppliesInTwoSteps: {
        "test_of_parallel_plans_none_is_lost",
        "test_a_plan_may_be_cancelled",
    },
    rules.TakesEverything: {
        "test_a_stopped_cluster_takes_no_new_jobs",
        "test_an_unknown_virtual_cluster_is_refused",
    },
    rules.CountsTheEnded: {
        "test_an_ended_job_holds_nothing",
        "test_usage_counts_what_runs_and_what_waits",
    },
    rules.RefusesNothing: {"test_a_task_larger_than_any_node_is_refused_with_a_reason"},
    rules.RefusesTheLarge: {"test_what_is_too_large_is_taken_and_waits"},
    manners.SwallowsUnavailable: {"test_while_it_is_down_everything_is_unavailable"},
    manners.ForgetsWhileItIsDown: {"test_while_it_is_down_everything_is_unavailable"},
    manners.DoesNotSayThatNothingWasSent: {"test_a_submission_that_never_left_is_not_sent"},
    manners.BlocksTheLoop: {"test_the_event_loop_is_never_blocked"},
    manners.LeaksATask: {"test_a_deleted_job_leaves_nothing_in_the_gateway"},
    manners.SwallowsCancellation: {"test_reading_may_be_cancelled"},
    sources.FollowsForEver: {"test_a_followed_log_goes_on_until_the_task_ends"},
    sources.NeverFollows: {"test_a_followed_log_goes_on_until_the_task_ends"},
    sources.AlwaysFollows: {"test_a_running_tasks_log_ends_where_it_is_not_followed"},
    sources.GivesOneByteMore: {"test_a_range_is_given_byte_for_byte"},
    sources.TailsFromTheBegin: {"test_a_tail_is_the_end"},
    sources.DoesNotTellRemovals: {
        "test_changes_are_told_as_they_come",
        "test_there_is_no_gap_after_a_list",
    },
    sources.KnowsEveryVersion: {"test_an_unknown_version_is_lost"},
    sources.BeginsAtTheEnd: {
        "test_a_feed_goes_on_after_a_version",
        "test_there_is_no_gap_after_a_list",
    },
    sources.ListensWhereNothingRuns: {"test_what_does_not_run_has_no_daemon"},
    jobs.AnswersFromBefore: {"test_a_submission_is_there_when_submit_returns"},
    jobs.RefusesTheSameWhileItComes: {"test_a_submission_at_once_with_itself_is_taken_once"},
    jobs.BeginsAgainAtAStart: {"test_a_start_of_a_running_job_changes_nothing"},
    jobs.HeedsTheOwnerAlone: {"test_an_administrator_may_stop_and_delete"},
    jobs.ForgetsEverything: {"test_a_job_may_end_while_nobody_looks"},
    jobs.ForgetsShares: {"test_shares_are_there_after_a_restart"},
    jobs.OpensOnce: {"test_it_opens_again_on_the_same_state"},
    tell.TellsNobodysName: {"test_a_job_is_told_as_it_was_submitted"},
    tell.DoesNotSayWhen: {"test_a_job_succeeds"},
    tell.NamesNoTrigger: {"test_the_task_that_decided_is_named"},
    tell.HidesAddresses: {"test_a_running_task_can_be_found"},
    tell.GoesBack: {"test_states_come_in_their_order"},
    tell.ListsNoExits: {"test_list_and_detail_agree"},
    tell.CountsJobsForAVersion: {"test_an_end_changes_the_version"},
    rules.RunsEverythingInDefault: {"test_a_job_counts_in_its_own_cluster"},
    rules.IgnoresTheMaximum: {"test_a_plan_comes_true_as_a_whole"},
    rules.NeverRemoves: {"test_a_plan_without_a_cluster_removes_it"},
    rules.HasNoDefault: {"test_default_is_always_there"},
    rules.RefusesEverything: {"test_what_is_not_refused_runs"},
    rules.KeepsWhatItIsAsked: {"test_a_refusal_leaves_nothing_behind"},
    rules.BoastsOfItsNodes: {"test_a_task_of_a_whole_node_runs"},
    manners.LeaksWhereItOpens: {"test_closing_leaves_nothing_open"},
    manners.TakesTheNameFirst: {"test_a_submission_may_be_cancelled"},
    manners.NotesAStopFirst: {"test_a_stop_may_be_cancelled"},
    manners.NotesADeleteFirst: {"test_a_delete_may_be_cancelled"},
    sources.LetsNobodyLeave: {"test_a_follower_may_leave"},
    sources.KeepsTheLastLogAlone: {"test_an_older_attempt_keeps_its_log"},
    sources.LosesLogsAtTheEnd: {"test_an_ended_tasks_output_is_there"},
    sources.GivesEmptyLogs: {"test_what_has_no_log_is_not_found"},
    sources.BeginsWithNothing: {"test_a_feed_begins_with_all_jobs"},
    sources.ListensNowhere: {"test_running_tasks_can_be_reached"},
    sources.ListensByName: {"test_an_unknown_job_is_not_found"},
}
UNDECLARED: Final = {
    "test_undeclared_logs_are_not_there",
    "test_an_undeclared_feed_is_not_there",
    "test_undeclared_ssh_is_not_there",
    "test_without_capacity_plans_are_not_supported",
}


def suite(make: Make, *, declared: bool = True) -> type[SchedulingConformance]:
    class TestWrong(SchedulingConformance):
        provider = fake_scheduling(make=make, capabilities=CAPABILITIES if declared else ())

        @pytest.fixture
        def patience(self) -> float:
            return 0.5

        @pytest.fixture
        def outage(self, subject: SchedulingSubject) -> AbstractContextManager[object]:
            return down(subject.backend)

    return TestWrong


@contextmanager
def down(cluster: FakeScheduler) -> Iterator[None]:
    cluster.down = True
    try:
        yield
    finally:
        cluster.down = False


@pytest.mark.parametrize("make", CAUGHT, ids=lambda make: make.__name__)
def test_a_wrong_scheduler_is_caught(make: Make) -> None:
    assert caught_by(suite(make), CAUGHT[make]) == CAUGHT[make]


def test_what_is_not_declared_has_to_be_missing() -> None:
    mutant = suite(sources.CanDoTheUndeclared, declared=False)

    assert caught_by(mutant, UNDECLARED) == UNDECLARED


def test_every_rule_of_the_suite_catches_somebody() -> None:
    rules = {name for name in dir(SchedulingConformance) if name.startswith("test_")}
    caught = UNDECLARED.union(*CAUGHT.values())

    # These are of all suites, and of their own tests.
    assert rules - caught == {
        "test_capabilities_have_their_protocols",
        "test_waivers_name_tests_of_the_suite",
    }
