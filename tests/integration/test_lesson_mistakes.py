"""tools/lesson: the messages for a learner who makes a mistake before any program runs."""

import os
import subprocess

import pytest

from support.deadline import ROOT
from support.lesson import run_lesson as run

pytestmark = pytest.mark.no_program


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "lesson"


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
    ("tools/lesson start build/pinger --listen 127.0.0.1:0", "build/pinger cannot be a name"),
    ("tools/lesson start local redis-server", "local cannot be a name"),
    ("tools/lesson load start", "See tools/lesson list"),
    ("tools/lesson dance", "tools/lesson has no command dance"),
    ("tools/lesson run true", "A lesson is open already"),
])
def test_a_mistake_gets_a_helpful_message(folder, command, sentence):
    assert sentence in run(folder, command)


def test_a_second_scene_is_rejected_in_one_line(folder):
    assert run(folder, "tools/lesson run true") == "A lesson is open already. Leave its shell with 'exit' first.\n"
