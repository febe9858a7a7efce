"""The memory of a process, and control groups that limit it (cgroup v1 and v2)."""

import contextlib
import os
from pathlib import Path


def resident_bytes(pid):
    """Resident bytes (VmRSS in /proc)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
    raise AssertionError(f"process {pid} has no memory")


class MemoryGroup:
    """A control group with a memory limit. Raises OSError if this user is not allowed to create one."""

    def __init__(self, limit_bytes):
        for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "memory":
                self._own, limit = Path("/sys/fs/cgroup/memory" + path), "memory.limit_in_bytes"
                break
        else:
            self._own, limit = Path("/sys/fs/cgroup" + path), "memory.max"
        self.folder = self._own / f"flood-{os.getpid()}"
        self.folder.mkdir()
        (self.folder / limit).write_text(str(limit_bytes), encoding="ascii")

    @contextlib.contextmanager
    def inside(self):
        """Processes started within this context belong to the group."""
        pid = str(os.getpid())
        (self.folder / "cgroup.procs").write_text(pid, encoding="ascii")
        try:
            yield self
        finally:
            (self._own / "cgroup.procs").write_text(pid, encoding="ascii")

    def used_bytes(self):
        """The group's peak memory so far, including kernel memory if the system counts it."""
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            if (self.folder / name).exists():
                return int((self.folder / name).read_text(encoding="ascii"))
        return 0

    def remove(self):
        self.folder.rmdir()
