"""What a computation will hold, told and refused before it is allocated."""

import os
from pathlib import Path

import jax


def memory() -> int | None:
    """Bytes of the default device; of the machine (or its container) on CPU; None if unknown."""
    stats = jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    try:
        known = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return None
    try:
        known.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # no container, or one without a limit
        pass
    return min(known)


def require_memory(needed: float, what: str) -> None:
    """ValueError if `what` needs more bytes than the device has."""
    have = memory()
    if have is not None and needed > have:
        raise ValueError(f"{what} needs {readable(needed)}, the device has {readable(have)}")


def readable(size: float) -> str:
    """1.2 GB and the like."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
