"""A random sequence of faults on one Collector, which is bound to one Redis after another."""

import random
import time
from functools import partial

from . import scenarios
from .deadline import Deadline
from .places import DURABLE, Beside, Clustered, Encrypted, Standalone, Watched
from .site import Site

DOCUMENT_LIMITS = ["client_query_buffer_limit", "proto_max_bulk_len"]

# The possible faults for each kind of Redis. If a fault has a size, the sequence chooses that too.
ANYWHERE = [
    lambda dice: partial(scenarios.swapped, further=dice.randrange(1, PLACES)),
    lambda dice: scenarios.swapped_thrice,
    lambda dice: partial(scenarios.swapped_slowly, further=dice.randrange(1, PLACES), delay=dice.choice([0.02, 0.1])),
    lambda dice: partial(scenarios.swapped_one_by_one, further=dice.randrange(1, PLACES), admitted=dice.choice([1, 2])),
    lambda dice: partial(scenarios.writes_paused, seconds=dice.choice([0.3, 0.8])),
    lambda dice: scenarios.clients_killed,
    lambda dice: scenarios.wrong_secret,
    lambda dice: scenarios.secret_gone,
]
ONE_SERVER = [
    lambda dice: scenarios.killed,
    lambda dice: scenarios.swapped_when_gone,
    lambda dice: partial(scenarios.stopped, seconds=dice.choice([0.3, 0.8, 2.5])),
    lambda dice: scenarios.demoted,
    lambda dice: scenarios.out_of_memory,
    lambda dice: partial(scenarios.clients_full, seconds=dice.choice([0.2, 1.0])),
    lambda dice: partial(scenarios.slow, seconds=1.0, delay=dice.choice([0.01, 0.05, 0.2])),
    lambda dice: partial(scenarios.black_hole, seconds=dice.choice([0.3, 1.5])),
    lambda dice: partial(scenarios.network_paused, seconds=dice.choice([0.3, 1.5])),
    lambda dice: scenarios.reset,
    lambda dice: partial(scenarios.refused, seconds=dice.choice([0.1, 1.0])),
    lambda dice: partial(scenarios.cut, count=dice.randrange(1, 5000), direction="to_client"),
    lambda dice: partial(scenarios.replies_impossible, replies=dice.sample(scenarios.IMPOSSIBLE, 3)),
    lambda dice: partial(scenarios.writes_paused, seconds=2.5),
    lambda dice: partial(scenarios.large_document, **{dice.choice(DOCUMENT_LIMITS): "1mb"}),
    lambda dice: scenarios.large_reply,
    lambda dice: partial(scenarios.cut, count=dice.randrange(1, 50000), direction="to_server"),
    lambda dice: partial(scenarios.password_in_server_first, seconds=1.0),
    lambda dice: partial(scenarios.password_in_secret_first, seconds=0.5),
    lambda dice: partial(scenarios.rights_missing, right=dice.choice(["set", "get", "xadd", "xrange", "getdel"]),
                         seconds=0.5),
]
WITHOUT_TLS = [
    lambda dice: partial(scenarios.closed_at_writes, seconds=dice.choice([0.3, 1.5])),
]
WITH_TLS = [
    lambda dice: scenarios.certificate_replaced,
    lambda dice: scenarios.authority_replaced,
    lambda dice: partial(scenarios.authority_replaced_in_server_first, seconds=1.0),
]
WITH_SENTINEL = [
    lambda dice: scenarios.failed_over,
    lambda dice: scenarios.failed_over_unheard,
]
WITH_CLUSTER = [
    lambda dice: scenarios.masters_relieved,
    lambda dice: partial(scenarios.resharded, step=dice.choice([400, 1000])),
]
PLACES = 6


def faults_of(place):
    """The possible faults here, except the death of a primary with asynchronous replication."""
    if isinstance(place, Watched):
        return ANYWHERE + WITH_SENTINEL
    if isinstance(place, Clustered):
        return ANYWHERE + WITH_CLUSTER
    return ANYWHERE + ONE_SERVER + (WITH_TLS if isinstance(place, Encrypted) else WITHOUT_TLS)


def name_of(fault):
    """killed(), cut(count=123, direction=to_client)"""
    if not isinstance(fault, partial):
        return f"{fault.__name__}()"
    return f"{fault.func.__name__}({', '.join(f'{name}={value}' for name, value in fault.keywords.items())})"


def play_random(seed, seconds, say=lambda text: None):
    """Injects faults for some time, in the order that the seed gives, and returns the Outcome. 507 is allowed while
    Redis is out of memory."""
    dice, begin = random.Random(seed), time.monotonic()
    first = Standalone(**DURABLE, requirepass="first")
    places = [first, Beside(first, prefix="a:"), Encrypted(**DURABLE, requirepass="second"), Watched(),
              Beside(first, prefix="longer-prefix:", database=3), Clustered()]
    assert len(places) == PLACES
    with Site(*places, connections=16, rate=600, stall_timeout="1s", connect_timeout="1s", body_max="10MiB") as site:
        deadline = Deadline(seconds)
        while not deadline.passed():
            fault = dice.choice(faults_of(site.place))(dice)
            site.more(50)
            say(f"{time.monotonic() - begin:6.1f} s  {type(site.place).__name__.lower():10}  {name_of(fault)}")
            fault(site)
        site.more(200)
        outcome = site.finish(allowed=scenarios.OUT_OF_MEMORY)
    outcome.must_fail = False
    return outcome
