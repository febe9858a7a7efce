"""tools/lesson: what it says of a Collector that it starts, and that faults and scenes end on their own.
test_lesson_mistakes.py has the other messages; tests/docs/run tests the pages of the lesson."""

from pathlib import Path

import pytest

from support.deadline import BUILD_DIR, ROOT, wait_until
from support.lesson import run_lesson


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "lesson"


def run(folder, script):
    return run_lesson(folder, script, collector_program=BUILD_DIR / "bin" / "collector")


START = """
tools/bind $bindings/redis type=redis host=127.0.0.1 port=$local_port
SERVICE_BINDING_ROOT=$bindings tools/lesson start collector $collector_program --listen 127.0.0.1:$collector_port
"""


@pytest.mark.parametrize("binding, root, sentence", [
    ("redis type=redis host=127.0.0.1 port=$local_port", "", "SERVICE_BINDING_ROOT is not set, so collector tries localhost:"),
    ("redis type=rediss host=127.0.0.1", "$bindings", "has no binding of type redis, so collector tries localhost:6379"),
    ("redis type=redis host=127.0.0.1", "$bindings/elsewhere", "elsewhere has no binding of type redis"),
    ("redis type=redis host=127.0.0.1 port=$managed_port tls=true ca.crt@$lesson/managed/ca.crt password=wrong",
     "$bindings", "collector cannot use its Redis: 127.0.0.1:"),
    ("redis type=redis host=127.0.0.1 port=$managed_port password@$lesson/managed/password", "$bindings",
     "perhaps this port expects TLS"),
    ("redis type=redis host=127.0.0.1 port=one", "$bindings", "redis/port: expected a port from 1 to 65535"),
    ("redis type=redis host=127.0.0.1 port=1", "$bindings", "Connection refused. It tries again; is the binding right?"),
])
def test_a_collector_without_the_right_binding_reports_it_at_the_start(folder, binding, root, sentence):
    output = run(folder, f"""
        tools/bind $bindings/{binding}
        SERVICE_BINDING_ROOT={root} tools/lesson start collector $collector_program --listen 127.0.0.1:$collector_port""")
    assert sentence in output


def test_a_successful_start_prints_one_line(folder):
    assert len(run(folder, START).splitlines()) == 1


def test_errors_for_a_used_port_and_a_running_program_say_what_to_do(folder):
    output = run(folder, START + """
        SERVICE_BINDING_ROOT=$bindings tools/lesson start collector $collector_program
        SERVICE_BINDING_ROOT=$bindings tools/lesson start other $collector_program --listen 127.0.0.1:$collector_port""")
    assert "collector is already running as process" in output
    assert "Stop it first: tools/lesson stop collector" in output
    assert "other ended with status 1" in output
    assert "'tools/lesson list' lists the programs" in output


@pytest.mark.parametrize("fault", ["redis-stop 500ms", "redis-kill 500ms", "cut", "slow 50ms 500ms", "password 500ms"])
def test_a_fault_ends_on_its_own_and_no_document_fails(folder, fault):
    output = run(folder, START + f"""
        tools/lesson load start
        tools/lesson fault {fault}
        tools/lesson until '"status":"ready"' curl -s $collector/readyz
        for i in 1 2 3; do curl -s -m 40 -o /dev/null -w '%{{http_code}}\\n' --json '{{"a":1}}' $collector/v1/documents; done
        tools/lesson load stop""")
    assert output.count("201\n") == 3, output
    assert ", 0 failed, 0 lost; " in output


def test_everything_that_was_started_ends_with_the_lesson(folder):
    def left():
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                if str(folder).encode() in (path / "environ").read_bytes() + (path / "cmdline").read_bytes():
                    found.append((path / "cmdline").read_bytes())
            except OSError:
                pass
        return found
    output = run(folder, START + "tools/lesson fault redis-stop 60s; tools/lesson list")
    assert "The local Redis hangs for 60 s" in output
    wait_until(lambda: not left(), lambda: f"the end of {left()}")
    assert not folder.exists()


def test_compose_names_the_images_of_this_version():
    version = next(line.split()[-1] for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("VERSION :="))
    text = (ROOT / "compose.yaml").read_text()
    assert f"image: collector:{version}\n" in text
    assert f"image: pinger:{version}\n" in text
