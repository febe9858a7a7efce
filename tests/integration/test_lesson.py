"""tools/lesson: the messages for a learner who makes a mistake, and that faults and scenes end on their own.
tests/docs/run tests the pages of the lesson."""

import os
import subprocess
from pathlib import Path

import pytest

from support.deadline import BUILD_DIR, ROOT, wait_until
from support.program import clean_environment



def run(folder, script, seconds=90):
    """The output of shell commands in a new scene."""
    env = clean_environment({"LESSON_DIR": folder, "collector_program": BUILD_DIR / "bin" / "collector"})
    done = subprocess.run([ROOT / "tools" / "lesson", "run", "sh", "-c", script], cwd=ROOT, env=env, timeout=seconds,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "lesson"


START = """
tools/bind $bindings/redis type=redis host=127.0.0.1 port=$local_port
SERVICE_BINDING_ROOT=$bindings tools/lesson start collector $collector_program --listen 127.0.0.1:$collector_port
"""


def test_a_command_outside_a_lesson_says_how_to_open_one(folder):
    done = subprocess.run([ROOT / "tools" / "lesson", "list"], env={**os.environ, "LESSON_DIR": str(folder)}, timeout=20,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Open one with 'make lesson'" in done.stderr


@pytest.mark.parametrize("command, sentence", [
    ("tools/lesson stop pinger", "Did you skip a step before this one?"),
    ("tools/lesson load stop", "To start it: tools/lesson load start"),
    ("tools/lesson load start", "Collector accepts no documents"),
    ("tools/lesson fault flood", "Unknown fault flood; the faults are redis-stop"),
    ("tools/lesson fault slow", "by how much?"),
    ("tools/lesson fault cut now please thanks", "All connections to the local Redis are cut"),
    ("tools/lesson fault redis-stop 5", "write a time as 200ms, 5s or 1m"),
    ("tools/lesson fault redis-stop 60s; tools/lesson fault cut", "is an earlier fault still active?"),
    ("tools/lesson start x build/nothing", "'make' builds the programs"),
    ("tools/lesson start build/pinger --listen 127.0.0.1:0", "build/pinger cannot be the name"),
    ("tools/lesson start local redis-server", "local cannot be the name"),
    ("tools/lesson load start", "See tools/lesson list"),
    ("tools/lesson dance", "tools/lesson has no command dance"),
    ("tools/lesson run true", "A lesson is open already"),
])
def test_a_mistake_gets_a_helpful_message(folder, command, sentence):
    assert sentence in run(folder, command)


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


def test_a_second_scene_is_refused_in_one_line(folder):
    assert run(folder, "tools/lesson run true") == "A lesson is open already. Leave its shell with 'exit' first.\n"


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
