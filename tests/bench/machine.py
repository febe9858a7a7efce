"""Describes the machine, and measures the use of a process and the idle time."""

import os
import platform
import resource
import subprocess

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
BUSY_SHARE = 0.10  # share of the CPUs used by others, above which the machine counts as busy


def cpu_seconds(pid):
    """User and system time of a process with all its threads (proc(5), /proc/PID/stat)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_bytes(pid):
    """The resident memory of a process, shared libraries included."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE


def peak_resident_bytes(pid):
    """The largest resident memory that a process has had (proc(5), VmHWM)."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM:"))


def available_bytes():
    """Memory that programs could get without swapping (proc(5), /proc/meminfo)."""
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("MemAvailable:"))


def _machine_seconds():
    """Returns (total, idle) time of all CPUs; the total includes time stolen by the hypervisor."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, idle, iowait, irq, softirq, steal = map(int, file.readline().split()[1:9])
    return (user + nice + system + idle + iowait + irq + softirq + steal) / TICK, (idle + iowait) / TICK


class Window:
    """A period of time: the CPU time of some processes in it, and the machine's idle time."""

    def __init__(self, *pids):
        self._pids = pids
        self._before = [cpu_seconds(pid) for pid in pids]
        self._own = self._own_seconds()
        self._all, self._idle = _machine_seconds()

    @staticmethod
    def _own_seconds():
        """The CPU time of this process and of the load generators that it has waited for."""
        return sum(usage.ru_utime + usage.ru_stime for usage in map(
            resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))

    def close(self):
        """Returns ([CPU seconds of each process], idle share, share used by others)."""
        everything, idle = _machine_seconds()
        used = [cpu_seconds(pid) - before for pid, before in zip(self._pids, self._before)]
        span = max(everything - self._all, 1 / TICK)
        idle -= self._idle
        others = span - idle - sum(used) - (self._own_seconds() - self._own)
        return used, idle / span, max(0.0, others / span)


def allowed_cpus():
    return len(os.sched_getaffinity(0))


def _output(*argv):
    try:
        result = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return (result.stdout or result.stderr).strip()


def _package(name):
    return _output("dpkg-query", "-W", "-f", "${Version}", name) or "unknown"


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def facts(collector):
    """Returns [(what, value)]."""
    with open("/proc/meminfo", encoding="ascii") as file:
        memory_gib = int(file.readline().split()[1]) / (1 << 20)
    words = _output("redis-server", "--version").split()
    redis = next((word[2:] for word in words if word.startswith("v=")), "unknown")
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    return [
        ("machine", f"{allowed_cpus()} CPUs of {os.cpu_count()} ({_cpu_model()}), {memory_gib:.0f} GiB, "
                    f"{system}, Linux {platform.release()}"),
        ("versions", f"{_output(collector, '--version')}, redis {redis}, webdis {_package('webdis')}, "
                     f"libmicrohttpd {_output('pkg-config', '--modversion', 'libmicrohttpd')}, "
                     f"libuv {_output('pkg-config', '--modversion', 'libuv')}, wrk {_package('wrk')}"),
        ("load average at start", " ".join(f"{value:.2f}" for value in os.getloadavg())),
    ]
