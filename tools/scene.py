"""The scene of a lesson: one process that holds the ports, starts the programs, breaks things on request, and answers
the commands of tools/lesson on a socket."""

import http.client
import json
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time

from scene_programs import FOLDER, Program, Redis, Wrong, reserve_port, scene_env, wait_until

SOCKET = FOLDER / "scene"


def seconds_of(text, default):
    """200ms, 5s or 1m as seconds."""
    if text is None:
        return default
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if not match:
        raise Wrong(f"{text}: write a time as 200ms, 5s or 1m")
    return float(match.group(1)) * {"ms": 0.001, "s": 1, "m": 60}[match.group(2)]


class Load:
    """Posts documents to $collector, one after another, on one persistent connection."""

    def __init__(self, port):
        self.port = port
        self.keys, self.failures, self.longest = [], [], 0.0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._post_all, daemon=True)
        self.thread.start()

    def _post_all(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self.ends.wait(0.01):
            began = time.monotonic()
            try:
                connection.request("POST", "/v1/documents", json.dumps({"number": len(self.keys)}),
                                   {"Content-Type": "application/json"})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 201:
                    self.keys.append(json.loads(body)["key"])
                else:
                    self.failures.append(f"{answer.status} {body.decode(errors='replace')}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(str(error) or type(error).__name__)
                connection.close()
            self.longest = max(self.longest, time.monotonic() - began)

    def stop(self):
        self.ends.set()
        self.thread.join(70)


class Scene:
    def __init__(self):
        self.programs, self.load, self.faults = {}, None, []
        self.lock = threading.RLock()
        shutil.rmtree(FOLDER, ignore_errors=True)
        (FOLDER / "bindings").mkdir(parents=True, mode=0o700)
        self.redis = {"local": Redis("local", False), "managed": Redis("managed", True)}
        ports = {name: reserve_port() for name in ("pinger", "other_pinger", "collector", "other_collector", "own_redis")}
        self.collector_port = ports["collector"]
        self.variables = {f"{name}_port": str(port) for name, port in ports.items()}
        self.variables |= {name: f"http://127.0.0.1:{ports[name]}" for name in ports if name != "own_redis"}
        self.variables |= {"local_port": str(self.redis["local"].proxy.port), "lesson": str(FOLDER),
                           "managed_port": str(self.redis["managed"].proxy.port), "bindings": str(FOLDER / "bindings")}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(SOCKET))
        self.listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    # --- Its commands ----------------------------------------------------------------------------

    def _serve(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client):
        with client, client.makefile("rw") as stream:
            line = stream.readline()
            if not line:
                return  # a client only checked whether a lesson is open
            request = json.loads(line)
            try:
                text = getattr(self, "do_" + request["word"])(*request["words"], env=request["env"])
                answer = {"status": 0, "text": text}
            except (Wrong, subprocess.SubprocessError) as error:
                answer = {"status": 1, "text": str(error)}
            except TypeError:
                answer = {"status": 2, "text": f"tools/lesson {request['word']}: see tools/lesson help"}
            except OSError as error:
                answer = {"status": 1, "text": f"tools/lesson {request['word']}: {error}"}
            stream.write(json.dumps(answer) + "\n")

    def _program(self, name):
        if name not in self.programs:
            runs = ", ".join(self.programs) or "none"
            raise Wrong(f"This lesson has no program named {name} (started: {runs}). "
                        f"Did you skip a step before this one?")
        return self.programs[name]

    def do_start(self, name, *command, env):
        if not re.fullmatch(r"[A-Za-z0-9]\w*", name) or name in self.redis:
            raise Wrong(f"tools/lesson start NAME COMMAND...: {name} cannot be a name; the pages use names such as pinger")
        if not command:
            raise Wrong("tools/lesson start NAME COMMAND...: the command is missing")
        if name in self.programs and self.programs[name].runs():
            raise Wrong(f"{name} is already running as process {self.programs[name].process.pid}. "
                        f"Stop it first: tools/lesson stop {name}")
        program = Program(name, list(command), scene_env(env))
        program.wait_listening()
        self.programs[name] = program
        return (f"{name} runs as process {program.process.pid}, its log is {program.log}"
                f"{program.missing_redis(env.get('SERVICE_BINDING_ROOT'))}")

    def do_stop(self, name, env=None):
        program = self._program(name)
        del self.programs[name]
        return f"{name} has stopped with status {program.stop()}"

    def do_kill(self, name, env=None):
        program = self._program(name)
        del self.programs[name]
        program.kill()
        program.log.unlink()
        return f"{name} was killed and its log deleted"

    def do_list(self, env=None):
        lines = [f"{name:16} process {redis.program.process.pid:<8} port {redis.proxy.port}" for name, redis in
                 self.redis.items()]
        lines += [f"{name:16} {f'process {p.process.pid:<8}' if p.runs() else 'has ended       '} {' '.join(p.command)}"
                  for name, p in self.programs.items()]
        return "\n".join(lines)

    def do_pid(self, name, env=None):
        return str(self._program(name).process.pid)

    def do_clean(self, env=None):
        if self.load:
            self.load.stop()
        self.load = None
        for name in list(self.programs)[::-1]:
            self.do_stop(name)
        self.end_faults()
        shutil.rmtree(FOLDER / "bindings")
        (FOLDER / "bindings").mkdir(mode=0o700)
        for redis in self.redis.values():
            redis.command("flushall")
        return "Only the two Redis servers are running; nothing is bound"

    def do_load(self, what, env=None):
        if what == "start":
            if self.load:
                raise Wrong("The load is already running. To stop it: tools/lesson load stop")
            self.load = Load(self.collector_port)
            if not wait_until(lambda: self.load.keys or self.load.failures, 40):
                return "The load is running: Collector is holding the first document"
            if self.load.failures:
                why, self.load = self.load.failures[0], None
                raise Wrong(f"Collector accepts no documents on port {self.collector_port}: {why}. Is it running? "
                            "See tools/lesson list")
            return f"Documents go to port {self.collector_port}, one after the other"
        if what != "stop":
            raise Wrong("tools/lesson load start, or tools/lesson load stop")
        if not self.load:
            raise Wrong("No load is running. To start it: tools/lesson load start")
        load, self.load = self.load, None
        load.stop()
        return self._judge(load)

    def _judge(self, load):
        left, where = set(load.keys), []
        for name, redis in self.redis.items():
            found = left & set(redis.command("keys", "????????-*").split())
            left -= found
            where.append(f"{len(found)} are in {name}")
        text = (f"{len(load.keys)} documents stored, {len(load.failures)} failed, {len(left)} lost; {', '.join(where)}; "
                f"the longest wait was {load.longest:.1f} s")
        return text + (f"\nThe first that failed: {load.failures[0]}" if load.failures else "")

    # --- Faults ----------------------------------------------------------------------------------

    def _used_redis(self):
        return next((redis for redis in self.redis.values() if redis.is_used()), self.redis["local"])

    def _for(self, seconds, repair):
        fault = threading.Timer(seconds, repair)
        fault.daemon = True
        self.faults = [(other, its_repair) for other, its_repair in self.faults if other.is_alive()]
        self.faults.append((fault, repair))
        fault.start()

    def end_faults(self):
        """Repairs all faults now. A repair may run twice."""
        faults, self.faults = self.faults, []
        for fault, repair in faults:
            fault.cancel()
            repair()

    def do_fault(self, fault, *words, env=None):
        words = [*words, None, None]
        redis = self._used_redis()
        process = redis.program.process
        if fault == "redis-stop":
            seconds = seconds_of(words[0], 5)
            process.send_signal(signal.SIGSTOP)
            self._for(seconds, lambda: process.send_signal(signal.SIGCONT))
            return f"The {redis.name} Redis hangs for {seconds:g} s"
        if fault == "redis-kill":
            seconds = seconds_of(words[0], 3)
            redis.program.kill()
            self._for(seconds, lambda: redis.program.runs() or redis.start())
            return f"The {redis.name} Redis is killed; it is started again after {seconds:g} s"
        if fault == "cut":
            redis.proxy.reset()
            return f"All connections to the {redis.name} Redis are cut"
        if fault == "slow":
            if words[0] is None:
                raise Wrong("tools/lesson fault slow 200ms [10s]: by how much?")
            seconds = seconds_of(words[1], 10)
            redis.proxy.delay(seconds_of(words[0], 0) / 2)
            self._for(seconds, lambda: redis.proxy.delay(0))
            return f"Each answer of the {redis.name} Redis takes {words[0]} longer, for {seconds:g} s"
        if fault == "password":
            seconds = seconds_of(words[0], 5)
            redis.set_password(secrets.token_hex(8))
            self._for(seconds, lambda: redis.set_password(redis.own_password))
            return f"The {redis.name} Redis has another password for {seconds:g} s"
        raise Wrong(f"Unknown fault {fault}; the faults are redis-stop, redis-kill, cut, slow, password")

    # --- Its life --------------------------------------------------------------------------------

    def run(self, command):
        env = {**scene_env({}), **self.variables, "LESSON_DIR": str(FOLDER)}
        return subprocess.run(command, env=env, check=False).returncode

    def close(self):
        if self.load:
            self.load.ends.set()
        self.end_faults()
        for program in [*list(self.programs.values())[::-1], *(redis.program for redis in self.redis.values())]:
            program.stop()
        shutil.rmtree(FOLDER, ignore_errors=True)
