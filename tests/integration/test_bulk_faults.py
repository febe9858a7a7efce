"""Faults in the middle of one body of many documents (`make faults-bulk` sends a million): each line is stored exactly once,
and `storedThrough` is never more than what is stored."""

from functools import partial

import pytest

from support import scenarios
from support.bulk_faults import away, play
from support.places import DURABLE, Clustered, Standalone, Watched


def relieved(site):
    """CLUSTER FAILOVER of one master."""
    site.place.cluster.fail_over(site.server)
    site.place.cluster.wait_ok()


def assert_met(outcome):
    assert not outcome.problems(), outcome
    return outcome


def test_a_redis_that_is_killed_three_times_gets_each_line_once():
    outcome = assert_met(play(1500, [Standalone(**DURABLE)],
                              [scenarios.killed, partial(away, seconds=2.5), scenarios.killed],
                              key="killed", hold_time="1s", may_refuse=True))
    assert outcome.attempts > 1 and outcome.result["replayed"] > 0


@pytest.mark.alone
def test_without_a_kill_one_attempt_is_enough_for_a_swap_and_a_failover():
    outcome = assert_met(play(1500, [Standalone(**DURABLE), Watched()],
                              [scenarios.swapped, scenarios.failed_over, scenarios.swapped], packed=True))
    assert outcome.attempts == 1 and outcome.result["replayed"] == 0


def test_a_primary_that_dies_takes_no_line_along_that_its_replica_must_have():
    assert_met(play(1000, [Watched(replicas=2)], [scenarios.primary_killed], key="sentinel", ack="replica:1"))


@pytest.mark.parametrize("ack", ["memory", "replica:1"])
def test_a_cluster_may_fail_over_and_move_slots_in_the_middle(ack):
    assert_met(play(1500, [Clustered()], [relieved, partial(scenarios.resharded, step=4000)], ack=ack))


def test_a_cluster_that_syncs_every_line_may_lose_a_master(valkey_server):
    outcome = assert_met(play(1000, [Clustered(program=valkey_server, **DURABLE)], [scenarios.clients_killed, relieved],
                              key="fsync", ack="fsync"))
    assert outcome.attempts == 1
