"""Secrets stay out of core dumps and the access log."""

import os
import re
import resource
import subprocess
import sys

import pytest

from support.collector import Collector
from support.http_client import Client
from support.pinger import Pinger
from support.program import clean_environment, program_path

NOBODY = 65534
PROGRAMS = {"collector": Collector, "pinger": Pinger}


def core_limit(pid):
    with open(f"/proc/{pid}/limits", encoding="ascii") as limits:
        line = next(line for line in limits if line.startswith("Max core file size"))
    return line.split()[4]


@pytest.mark.parametrize("program", PROGRAMS)
def test_core_dumps_are_off_by_default(program):
    plain = PROGRAMS[program]()
    try:
        assert core_limit(plain.pid) == "0"
    finally:
        plain.close()
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    asked = PROGRAMS[program](core_dumps="true")
    try:
        assert core_limit(asked.pid) == ("unlimited" if hard == resource.RLIM_INFINITY else str(hard))
    finally:
        asked.close()


# By descriptor, because that user may be unable to reach the folder of the program.
_AS_NOBODY = """
import os, sys
program = os.open(sys.argv[1], os.O_RDONLY)
if os.getuid() == 0:
    os.setgroups([])
    os.setgid({0})
    os.setuid({0})
os.execve(program, sys.argv[1:], os.environ)
""".format(NOBODY)


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("core_dumps", ["true", "false"])
def test_other_processes_of_the_same_user_cannot_read_the_memory(program, core_dumps):
    """The kernel makes root the owner of /proc/PID/mem if a process is not dumpable (proc(5)); the program still
    works."""
    command = [sys.executable, "-c", _AS_NOBODY, str(program_path(program)), "--listen", "127.0.0.1:0",
               "--core-dumps", core_dumps]
    with subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            port = None
            while port is None:
                line = process.stdout.readline()
                assert line, "it ended"
                found = re.search(r'"event":"server.listening".*"port":(\d+)', line)
                port = found and int(found.group(1))
            owner = os.stat(f"/proc/{process.pid}/mem").st_uid
            user = NOBODY if os.getuid() == 0 else os.getuid()
            assert owner == (user if core_dumps == "true" else 0)
            with Client("127.0.0.1", port) as client:
                metrics = client.get("/metrics").text
            assert "process_resident_memory_bytes" in metrics and "process_start_time_seconds" in metrics
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_access_log_hides_secrets_in_targets(program):
    secret = "5ecre7"
    targets = [f"/?access_token={secret}", f"/?access%5Ftoken={secret}", f"/?a=1;password={secret}",
               f"/?next=http%3A%2F%2Fu%3A{secret}%40h", f"/a;jsessionid={secret}?b=1", f"/?token={secret}/{secret}",
               f"/u:{secret}@h"]
    started = PROGRAMS[program](access_log="on")
    try:
        with started.connect() as raw:
            raw.send(f"GET http://u:{secret}@h/healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            raw.read_answer()
        with started.client() as client:
            for target in targets:
                client.get(target, {"Referer": f"http://h/?code={secret}", "x-correlation-id": f"token={secret}"})
            client.get("/?plain=shown")
        started.wait_log("request.answered", path="/?plain=shown")
        assert secret not in started.log_text()
        assert len([line for line in started.log() if line["event"] == "request.answered"]) >= len(targets)
    finally:
        started.close()
