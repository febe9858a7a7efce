"""A Redis that stores documents correctly but sends wrong replies. A seed makes runs repeatable.

    with HostileRedis(seed=7) as hostile:
        program = Collector(hostile)

It executes each SET and XADD before it replies, so `stored` contains every acknowledged document, no matter what the
reply was. Replies have the wrong type, are truncated, too long, too deep, missing, or not RESP at all, and sometimes
they are correct."""

import random
import socket
import threading

from .fault_proxy import read_command
from .ports import reserve_port

MASTER = b"*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"
ENTRY = b"*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nk\r\n$36\r\n01900000-0000-7000-8000-000000000000\r\n"


def bulk(data):
    return b"$%d\r\n%s\r\n" % (len(data), data)


class HostileRedis:
    """`honesty` is the share of correct replies, `handshakes` the share of entirely correct handshakes."""

    def __init__(self, seed, honesty=0.95, handshakes=0.9, port=None):
        self.host, self.port = "127.0.0.1", port or reserve_port()
        self.stored = {}  # key -> value
        self.lies = 0
        self._seed, self._honesty, self._handshakes = seed, honesty, handshakes
        self._lock, self._live, self._connections = threading.Lock(), set(), 0
        self._listener = socket.create_server((self.host, self.port), backlog=128)
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self):
        return f"redis://{self.host}:{self.port}"

    def stop(self):
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            live = list(self._live)
        for client in live:
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._live.add(client)
                self._connections += 1
                dice = random.Random(f"{self._seed}/{self._connections}")
            threading.Thread(target=self._serve, args=(client, dice), daemon=True).start()

    def _serve(self, client, dice):
        is_fair = dice.random() < self._handshakes
        stream = client.makefile("rb")
        try:
            while True:
                command, name = read_command(stream)
                if command is None:
                    return
                truth = self._do(name, command)
                if name in (b"AUTH", b"SELECT", b"CLIENT", b"CLUSTER", b"ROLE", b"PING"):
                    is_true = is_fair or dice.random() < self._honesty
                else:
                    is_true = dice.random() < self._honesty
                client.sendall(truth if is_true else self._lie(dice, client, truth))
        except (OSError, ValueError, AssertionError):
            pass
        finally:
            client.close()
            with self._lock:
                self._live.discard(client)

    def _do(self, name, command):
        """Executes the command and returns the correct reply."""
        words = command.split(b"\r\n")[2::2]
        if name == b"SET":
            with self._lock:
                if b"NX" in words[3:] and words[1] in self.stored:
                    return b"$-1\r\n"
                self.stored[words[1]] = words[2]
            return b"+OK\r\n"
        if name in (b"GET", b"GETRANGE", b"GETDEL"):
            with self._lock:
                value = self.stored.get(words[1])
            return b"$-1\r\n" if value is None and name != b"GETRANGE" else bulk(value or b"")
        return {b"XADD": bulk(b"1-1"), b"XRANGE": b"*0\r\n", b"ROLE": MASTER, b"PING": b"+PONG\r\n",
                b"CLIENT": b"+OK\r\n", b"AUTH": b"+OK\r\n", b"SELECT": b"+OK\r\n",
                b"CLUSTER": b"-ERR This instance has cluster support disabled\r\n", b"EXISTS": b":0\r\n",
                b"EXPIREAT": b":1\r\n", b"WAIT": b":0\r\n", b"XDEL": b":0\r\n"}.get(name, b"-ERR unknown command\r\n")

    def _lie(self, dice, client, truth):
        """Never claims "stored" for a document that is not stored: it sends no reply twice, and no invented reply means success."""
        self.lies += 1
        port = dice.randrange(1, 65536)
        text = bytes(dice.randrange(256) for _ in range(dice.randrange(40)))
        made_up = [
            b"$-1\r\n", b":-1\r\n", b":7\r\n", b"*-1\r\n", b"*0\r\n", b"+NO\r\n", b"$0\r\n\r\n", bulk(text),
            b"*1\r\n" + ENTRY, b"*600\r\n" + ENTRY * 600, b"*2\r\n:1\r\n$-1\r\n", b"*2\r\n+OK\r\n+OK\r\n",
            b"*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % port,
            b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$9\r\n127.0.0.1\r\n:%d\r\n" % port,
            b"*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\n?\r\n:1\r\n",
            b"*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$4\r\nsync\r\n:-1\r\n", b"*1\r\n$6\r\nmaster\r\n",
            b"-MOVED %d 127.0.0.1:%d\r\n" % (dice.randrange(20000), port), b"-ASK 1 :%d\r\n" % port, b"-MOVED\r\n",
            b"-LOADING later\r\n", b"-READONLY no\r\n", b"-BUSY no\r\n", b"-OOM no\r\n", b"-\r\n", b"-ERR %s\r\n" % text.hex().encode(),
            b"-NOAUTH no\r\n", b"-ERR Protocol error: none\r\n", b"-NOREPLICAS no\r\n", b"-TRYAGAIN no\r\n",
            b"*1\r\n" * dice.randrange(1, 5000), b"*%d\r\n" % dice.randrange(2, 1 << 40), b"$%d\r\n" % dice.randrange(2, 1 << 40),
            b"$%d\r\nabc" % dice.randrange(4, 1 << 20), b":%s\r\n" % (b"9" * 40), b"$-2\r\n", b"*-2\r\n",
            b"_\r\n", b"#t\r\n", b"%1\r\n+a\r\n+b\r\n", b",1.5\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", text, b"",
            b"+" + b"x" * dice.randrange(1, 200000) + b"\r\n",
        ]
        answer = dice.choice([*made_up, truth[:dice.randrange(len(truth))]])
        if dice.random() < 0.2:
            client.sendall(answer)
            client.shutdown(socket.SHUT_RDWR)
            return b""
        return answer
