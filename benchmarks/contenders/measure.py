"""What every contender reports of itself, with nothing but Python: its own peak of memory."""

from pathlib import Path


def peak_mb() -> float:
    """The most memory this process has held so far, MB (1e6 bytes).

    Linux's own count: ``ru_maxrss`` of a child begins at what its parent held when it was started.
    """
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6, 1)
