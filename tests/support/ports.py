"""TCP ports of 127.0.0.1, reserved for this process.

They are below the range that the system assigns, and a file lock holds each one. So concurrent test runs never collide
on a port, even while a server is briefly down. A process holds only its newest ports, far more than one test uses,
because each lock costs a descriptor."""

import fcntl
import os
import random
import socket
import tempfile

FIRST, LAST = 20000, 32000
HELD = 256
_locks = {}  # port: descriptor, oldest first


def reserve_port():
    """A free port, held until this process has reserved HELD more."""
    folder = os.path.join(tempfile.gettempdir(), f"test-ports-{os.getuid()}")
    os.makedirs(folder, exist_ok=True)
    for _ in range(2000):
        port = random.randrange(FIRST, LAST)
        if port in _locks:
            continue
        lock = os.open(os.path.join(folder, str(port)), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(lock)
            continue
        _locks[port] = lock
        if len(_locks) > HELD:
            os.close(_locks.pop(next(iter(_locks))))
        return port
    raise RuntimeError(f"no free port from {FIRST} to {LAST}")


def machine_has_ipv6():
    """True if ::1 can be used; containers often have no IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def open_ports(pid):
    """The local TCP ports of a process's IPv4 sockets."""
    sockets = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            sockets.add(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            pass  # closed meanwhile
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as table:
        lines = [line.split() for line in table.readlines()[1:]]
    return {int(line[1].rpartition(":")[2], 16) for line in lines if f"socket:[{line[9]}]" in sockets}
