"""A TCP proxy in front of Redis that fails as networks and servers do; tests switch faults on and off while it runs.

Each direction of a connection has a thread. With `scripted=True` the proxy parses the Redis protocol instead, one
command after another, so that selected commands get a reply from the script."""

import ctypes
import socket
import struct
import threading
import time

from .ports import reserve_port

_libc = ctypes.CDLL(None, use_errno=True)


class FaultProxy:
    """Forwards all bytes until a fault is set; `heal` ends all faults."""

    def __init__(self, target, scripted=False, port=None):
        self.host, self.port = "127.0.0.1", port or reserve_port()
        self.target = target
        self.scripted = scripted
        self.delay_s = 0.0
        self.connections = 0  # accepted since the start
        self._state = threading.Condition()
        self._mode = "pass"
        self._cut = None  # [direction, bytes left, times left]
        self._closing = ()  # close the connection after a piece with one of these words has reached the server
        self._admitted = None  # how many more new connections are let through; None means all
        self._instead = [None, 0]  # bytes, times left
        self._script = []  # [set of command names or None, reply bytes, times left]
        self.scripted_replies = 0
        self._live = set()
        self._listener = None
        self._listen()

    def url(self, user="", password="", database=None):
        entry = f"{user}:{password}@" if password else ""
        return f"redis://{entry}{self.host}:{self.port}" + ("" if database is None else f"/{database}")

    # --- Faults ------------------------------------------------------------------------------

    def heal(self):
        """Forwards all bytes again; connections that were in a black hole stay dead, as after a lost route."""
        with self._state:
            was = self._mode
            self._mode, self.delay_s, self._cut, self._script = "pass", 0.0, None, []
            self._instead, self._admitted, self._closing = [None, 0], None, ()
            self._state.notify_all()
        if was == "refuse":
            self._listen()

    def delay(self, seconds):
        """Delays every piece of data, in both directions."""
        self.delay_s = seconds

    def pause(self):
        """Holds all data until heal, then delivers it."""
        with self._state:
            self._mode = "pause"

    def close_at(self, *words):
        """When a piece contains one of these words, delivers it to the server and then closes the connection."""
        with self._state:
            self._closing = words

    def admit(self, count):
        """Lets that many new connections through; accepts further ones, but makes them wait until heal."""
        with self._state:
            self._admitted = count

    def black_hole(self):
        """Discards all bytes but closes nothing; accepts new connections and stays silent."""
        with self._state:
            self._mode = "black_hole"
            for pair in self._live:
                pair.dead = True
            self._state.notify_all()

    def reset(self):
        """Resets both sides of each connection; new connections work."""
        with self._state:
            pairs = list(self._live)
        for pair in pairs:
            pair.reset()

    def refuse(self):
        """Resets each connection and refuses new ones until heal."""
        with self._state:
            self._mode = "refuse"
        self._stop_listening()
        self.reset()

    def cut_after(self, count, direction="to_client", times=1):
        """Closes the connection after `count` more bytes to_client (Redis's replies) or to_server."""
        with self._state:
            self._cut = [direction, count, times, count]

    def cuts_left(self):
        with self._state:
            return self._cut[2] if self._cut else 0

    def reply_instead(self, data, times=1):
        """Replaces the next pieces of Redis's replies with these bytes."""
        with self._state:
            self._instead = [data, times]

    def instead_left(self):
        with self._state:
            return self._instead[1]

    def script(self, reply, commands=None, times=None):
        """Answers the named commands (None: all) with this reply, `times` times (None: until heal)."""
        assert self.scripted
        reply = reply.encode() if isinstance(reply, str) else reply
        with self._state:
            names = None if commands is None else {name.upper().encode() for name in commands}
            self._script.append([names, reply, times])

    def lose_replies(self, commands, times=1):
        """Lets Redis execute the named commands, and closes the connection before the reply."""
        assert self.scripted
        with self._state:
            self._script.append([{name.upper().encode() for name in commands}, None, times])

    def close(self):
        self._stop_listening()
        with self._state:
            self._mode, self._admitted = "pass", None
            self._state.notify_all()
        self.reset()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- Internals ---------------------------------------------------------------------------

    def _listen(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(128)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _stop_listening(self):
        if self._listener:
            listener, self._listener = self._listener, None
            try:
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept
            except OSError:
                pass
            listener.close()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = _Pair(client)
        with self._state:
            self._live.add(pair)
            pair.dead = self._mode == "black_hole"
            if self._admitted is not None:
                self._admitted -= 1
                waits = self._admitted < 0
                self._state.wait_for(lambda: not waits or self._admitted is None or pair.closed)
        try:
            if pair.dead:
                self._swallow(pair)
                return
            pair.server = socket.create_connection((self.target.host, self.target.port), timeout=10)
            pair.server.settimeout(None)
            pair.server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.scripted:
                self._play(pair)
            else:
                back = threading.Thread(target=self._pump, args=(pair, pair.server, client, "to_client"), daemon=True)
                back.start()
                self._pump(pair, client, pair.server, "to_server")
                back.join()
        except OSError:
            pass
        finally:
            pair.close()
            with self._state:
                self._live.discard(pair)

    @staticmethod
    def _swallow(pair):
        while pair.client.recv(65536):
            pass

    def _pump(self, pair, source, sink, direction):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                if self.delay_s:
                    time.sleep(self.delay_s)
                with self._state:
                    self._state.wait_for(lambda: self._mode != "pause" or pair.closed)
                    if pair.dead:
                        continue
                    data, cut = self._apply_cut(self._apply_instead(data, direction), direction)
                    cut = cut or (direction == "to_server" and any(word in data for word in self._closing))
                sink.sendall(data)
                if cut:
                    pair.close()
                    return
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pair.close()

    def _apply_instead(self, data, direction):
        if direction != "to_client" or self._instead[1] <= 0:
            return data
        self._instead[1] -= 1
        return self._instead[0]

    def _apply_cut(self, data, direction):
        if not self._cut or self._cut[0] != direction:
            return data, False
        if len(data) < self._cut[1]:
            self._cut[1] -= len(data)
            return data, False
        data = data[:self._cut[1]]
        self._cut[1] = self._cut[3]
        self._cut[2] -= 1
        if self._cut[2] <= 0:
            self._cut = None
        return data, True

    def _line_of_script(self, name):
        """Returns (True, reply) if the script has a line for this command; a reply of None means a lost reply."""
        with self._state:
            for entry in self._script:
                names, reply, times = entry
                if (names is not None and name not in names) or times == 0:
                    continue
                if times is not None:
                    entry[2] -= 1
                self.scripted_replies += 1
                return True, reply
        return False, None

    def _play(self, pair):
        requests, replies = pair.client.makefile("rb"), pair.server.makefile("rb")
        while True:
            command, name = read_command(requests)
            if command is None:
                return
            scripted, reply = self._line_of_script(name)
            if reply is None:
                pair.server.sendall(command)
                reply = read_reply(replies)
                if scripted:
                    pair.close()
                    return
            if self.delay_s:
                time.sleep(self.delay_s)
            pair.client.sendall(reply)


class _Pair:
    """The two sockets of a connection."""

    def __init__(self, client):
        self.client, self.server = client, None
        self.dead = self.closed = False

    def _end(self, linger):
        self.closed = True
        for end in (self.client, self.server):
            if end is None:
                continue
            try:
                if linger:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            if linger:
                _abort(end)
            else:
                end.close()

    def close(self):
        self._end(False)

    def reset(self):
        self._end(True)


def _abort(end):
    """Sends a RST even while another thread waits in recv: connecting to AF_UNSPEC dissolves the connection
    (connect(2))."""
    try:
        _libc.connect(end.fileno(), struct.pack("H14x", socket.AF_UNSPEC), 16)
    finally:
        end.close()


def read_command(stream):
    """Returns (bytes, upper-case name) of the next command, a RESP array of bulk strings; (None, None) at the end."""
    line = stream.readline()
    if not line:
        return None, None
    assert line.startswith(b"*"), line
    parts, name = [line], b""
    for index in range(int(line[1:])):
        head = stream.readline()
        body = stream.read(int(head[1:]) + 2)
        parts += [head, body]
        if index == 0:
            name = body[:-2].upper()
    return b"".join(parts), name


def read_reply(stream):
    """The bytes of one reply (RESP2, or RESP3, which newer redis-py requests)."""
    line = stream.readline()
    if not line:
        raise ConnectionResetError("Redis closed")
    kind = line[:1]
    if kind in b"$=!" and int(line[1:]) >= 0:
        return line + stream.read(int(line[1:]) + 2)
    if kind in b"*~>%" and int(line[1:]) > 0:
        count = int(line[1:]) * (2 if kind == b"%" else 1)
        return line + b"".join(read_reply(stream) for _ in range(count))
    return line
