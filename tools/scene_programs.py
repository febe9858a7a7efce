"""The programs and Redis servers that a lesson's scene starts."""

import ctypes
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from support.fault_proxy import FaultProxy  # noqa: E402
from support.ports import reserve_port  # noqa: E402

FOLDER = Path(os.environ.get("LESSON_DIR", "build/lesson"))
REACHING = ("redis.connected", "redis.connect_failed", "redis.denied")  # how Collector's first attempt ended
LISTENS = re.compile(r'"event":"server.listening"|Ready to accept connections')
START_SECONDS, STOP_SECONDS = 20, 30
OURS = re.compile(r"(COLLECTOR|PINGER|REDIS|VALKEY|SERVICE_BINDING)")  # variables that would reconfigure the programs


class Wrong(Exception):
    """An error message for the learner."""


def wait_until(happened, seconds):
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def scene_env(env):
    return {name: value for name, value in {**os.environ, **env}.items() if not OURS.match(name) or name in env}


# The parent-death signal fires when the thread that started a process ends, so this thread lives as long as the scene.
STARTER = ThreadPoolExecutor(1)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Program:
    """A program that the scene started. Its output goes to NAME.log."""

    def __init__(self, name, command, env):
        self.name, self.command = name, command
        self.log = FOLDER / f"{name}.log"
        with open(self.log, "wb") as log:
            try:
                self.process = STARTER.submit(subprocess.Popen, command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                              env=env, start_new_session=True, preexec_fn=die_with_parent).result()
            except OSError as error:
                raise Wrong(f"{command[0]} cannot be started: {error.strerror}. 'make' builds the programs.") from None

    def runs(self):
        return self.process.poll() is None

    def wait_listening(self):
        if not wait_until(lambda: LISTENS.search(self.text()) or not self.runs(), START_SECONDS):
            self.kill()
            raise Wrong(f"{self.name} did not listen within {START_SECONDS} s. Its last lines:\n{self.tail()}")
        if not self.runs():
            raise Wrong(f"{self.name} ended with status {self.process.returncode}. Its last lines:\n"
                        f"{self.tail()}\n{self.hint()}")

    def events(self):
        """The lines of its log that are JSON."""
        return [json.loads(line) for line in self.text().splitlines() if line.startswith('{"time"') and line.endswith("}")]

    def missing_redis(self, root):
        """Why a Collector that listens has not reached its Redis, as a sentence; "" if it has."""
        def outcome():
            return next((line for line in self.events() if line["event"] in REACHING), None)
        if '"program":"collector"' not in self.text() or not wait_until(outcome, START_SECONDS):
            return ""
        found = next((line for line in self.events() if line["event"] == "binding.found"), {})
        if found.get("source") == "default":
            where = f"{root} has no binding of type redis" if root else "SERVICE_BINDING_ROOT is not set"
            return (f"\n{where}, so {self.name} tries {found['address']}. Stop it, then write the binding (tools/bind), "
                    "or 'export SERVICE_BINDING_ROOT=$bindings'.")
        error = outcome().get("error")
        return (f"\n{self.name} cannot use its Redis: {error}. It tries again; is the binding right? "
                f"tools/bind writes it anew.") if error else ""

    def hint(self):
        text = self.text().lower()
        if "address already in use" in text:
            return "Another program listens there: 'tools/lesson list' lists the programs, 'tools/lesson stop NAME' stops one."
        if "auth" in text or "password" in text:
            return "Does the binding hold this Redis's password?"
        return ""

    def text(self):
        return self.log.read_text(errors="replace")

    def tail(self):
        return "\n".join(self.text().splitlines()[-5:])

    def stop(self):
        if self.runs():
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Wrong(f"{self.name} did not stop within {STOP_SECONDS} s and was killed") from None

    def kill(self):
        self.process.kill()
        self.process.wait()


class Redis:
    """A Redis server of the scene, behind a proxy that simulates the network. `is_managed`: with TLS and a password."""

    def __init__(self, name, is_managed):
        self.name = name
        self.folder = FOLDER / name
        self.folder.mkdir()
        self.plain_port = reserve_port()
        lines = ["bind 127.0.0.1", f"port {self.plain_port}", f'dir "{self.folder.resolve()}"', "appendonly yes", 'save ""']
        self.password = self.own_password = secrets.token_hex(16) if is_managed else ""
        target = self.plain_port
        if is_managed:
            target = reserve_port()
            subprocess.run([ROOT / "tests/support/make-certificates", self.folder, "server=IP:127.0.0.1"], check=True,
                           stdout=subprocess.DEVNULL)
            (self.folder / "password").write_text(self.password)
            lines += [f"requirepass {self.password}", f"tls-port {target}", "tls-auth-clients no",
                      *(f'tls-{what}-file "{self.folder.resolve()}/server.{end}"' for what, end in
                        (("cert", "crt"), ("key", "key"))), f'tls-ca-cert-file "{self.folder.resolve()}/ca.crt"']
        self.config = self.folder / "redis.conf"
        self.config.write_text("\n".join(lines) + "\n")
        self.start()
        self.proxy = FaultProxy(SimpleNamespace(host="127.0.0.1", port=target))

    def start(self):
        self.program = Program(self.name, ["redis-server", str(self.config)], scene_env({}))
        self.program.wait_listening()

    def command(self, *words):
        """Sends a command to Redis directly, bypassing the proxy, and retries while Redis starts. Returns the reply as
        redis-cli prints it."""
        env = {**os.environ, **({"REDISCLI_AUTH": self.password} if self.password else {})}
        done = None

        def is_done():
            nonlocal done
            done = subprocess.run(["redis-cli", "-h", "127.0.0.1", "-p", str(self.plain_port), *words], env=env, timeout=10,
                                  check=False, capture_output=True, text=True)
            return done.returncode == 0
        try:
            if wait_until(is_done, START_SECONDS):
                return done.stdout
        except subprocess.TimeoutExpired:
            pass
        raise Wrong(f"The {self.name} Redis does not answer: is an earlier fault still active?")

    def is_used(self):
        # One connection is ours; any other is a client of the proxy.
        return self.program.runs() and self.command("client", "list", "type", "normal").count("\n") > 1

    def set_password(self, password):
        self.command("config", "set", "requirepass", password)
        self.password = password
        self.proxy.reset()
