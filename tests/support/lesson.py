"""Runs commands in a scene of the lesson."""

import subprocess

from .deadline import ROOT
from .program import clean_environment


def run_lesson(folder, script, seconds=90, **variables):
    """The output of shell commands in a new scene."""
    env = clean_environment({"LESSON_DIR": folder, **variables})
    done = subprocess.run([ROOT / "tools" / "lesson", "run", "sh", "-c", script], cwd=ROOT, env=env, timeout=seconds,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout
