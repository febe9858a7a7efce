"""Fixtures: servers and programs that stop at the end of their test, and a time limit for each test."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from support.binding import BindingRoot  # noqa: E402
from support.cluster import RedisCluster  # noqa: E402
from support.collector import Collector  # noqa: E402
from support.deadline import PATIENCE, ROOT, SANITIZED, time_limit_of  # noqa: E402
from support.fault_proxy import FaultProxy  # noqa: E402
from support.no_program import guard, is_marked  # noqa: E402
from support.redis_server import RedisServer  # noqa: E402
from support.sentinel import SentinelGroup  # noqa: E402

TEST_SECONDS = 90 * PATIENCE


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: its losses depend on timing, so no other test runs at the same time")
    config.addinivalue_line("markers", "no_program: the file starts no program of the build (support/no_program.py)")


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if SANITIZED and is_marked(item.getparent(pytest.Module))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True, scope="module")
def no_program(request):
    yield from guard(request.node)


@pytest.fixture(autouse=True)
def time_limit():
    """No test hangs forever."""
    with time_limit_of(TEST_SECONDS):
        yield


def _closing(started, close):
    """Stops everything that a factory started, newest first, and then raises the first failure."""
    failure = None
    for thing in reversed(started):
        try:
            close(thing)
        except Exception as error:  # pylint: disable=broad-except
            failure = failure or error
    if failure:
        raise failure


@pytest.fixture
def start_redis():
    """start_redis(**options of redis.conf) starts a private server."""
    started = []

    def start(**options):
        started.append(RedisServer(**options))
        return started[-1]
    yield start
    _closing(started, RedisServer.stop)


@pytest.fixture
def start_group():
    """start_group(**options) starts servers and Sentinels. Collectors stop before them."""
    started = []

    def start(**options):
        started.append(SentinelGroup(**options))
        return started[-1]
    yield start
    _closing(started, SentinelGroup.stop)


@pytest.fixture
def start_cluster():
    """start_cluster(**options of RedisCluster) starts three masters. Collectors stop before them."""
    started = []

    def start(**options):
        started.append(RedisCluster(**options))
        return started[-1]
    yield start
    _closing(started, RedisCluster.stop)


@pytest.fixture(scope="session")
def valkey_server():
    """The path of a server that has WAITAOF."""
    return subprocess.run([ROOT / "tools/valkey"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


@pytest.fixture
def start_proxy():
    """start_proxy(server) starts a proxy in front of the server."""
    started = []

    def start(server, **options):
        started.append(FaultProxy(server, **options))
        return started[-1]
    yield start
    _closing(started, FaultProxy.close)


@pytest.fixture
def start_collector(start_redis, start_proxy):  # pylint: disable=unused-argument
    """start_collector(redis, **flags) starts a Collector, which must exit cleanly. The servers outlive it."""
    started = []

    def start(*arguments, **options):
        started.append(Collector(*arguments, **options))
        return started[-1]
    yield start
    _closing(started, Collector.close)


@pytest.fixture
def fresh(start_redis, start_collector):
    """Yields (client, store) of a separate Collector; client.program is that Collector."""
    server = start_redis()
    program = start_collector(server)
    with program.client() as client, server.client() as store:
        client.program = program
        yield client, store


@pytest.fixture
def bindings(tmp_path):
    """An empty SERVICE_BINDING_ROOT."""
    return BindingRoot(tmp_path / "bindings")


# One server and one Collector, shared by the tests of a file that break nothing.

@pytest.fixture(scope="module")
def redis_server():
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def collector(redis_server):
    program = Collector(redis_server)
    program.wait_connected()
    yield program
    program.close()


@pytest.fixture
def client(collector):
    """A keep-alive client of the shared Collector."""
    with collector.client() as client:
        yield client


@pytest.fixture
def store(redis_server):
    """A redis-py client of the shared server."""
    with redis_server.client() as client:
        yield client


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """When a test fails, shows the last log lines of each Collector that it used."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when == "call":
        for name, value in getattr(item, "funcargs", {}).items():
            if isinstance(value, Collector):
                report.sections.append((f"log of {name}", value.child.tail()))


@pytest.fixture
def start_bound(start_collector, bindings):
    """start_bound(**flags): a Collector that reads `bindings`."""
    def start(*arguments, env=None, **flags):
        return start_collector(env={**bindings.environment(), **(env or {})}, arguments=arguments, **flags)
    return start
