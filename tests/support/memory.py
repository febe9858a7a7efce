"""How much memory a process has."""


def resident_bytes(pid):
    """What /proc calls VmRSS."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
    raise AssertionError(f"process {pid} has no memory")
