"""Files of others, for the tests of their readers: what is said of them, and random damage."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def outcome(read: Callable, path: Path, content: str | bytes, after: str = ":", **options) -> Any:
    """What `read` makes of this content, or its message without the file's name if it is refused.

    Fails unless the message is one line that begins with the file and `after`.
    """
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    try:
        return read(path, **options)
    except ValueError as error:
        message = str(error)
        assert message.startswith(f"{path}{after}") and "\n" not in message
        return message.removeprefix(f"{path}{after}")


def mutations(content: bytes, seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """(what was done, the content after it) for random damage."""
    rng = random.Random(seed)
    for _ in range(count):
        kind = rng.choice(["cut", "delete", "insert", "flip", "swap", "drop", "double"])
        i = rng.randrange(len(content))
        lines = content.splitlines(True)
        a, b = rng.randrange(len(lines)), rng.randrange(len(lines))
        if kind == "cut":
            yield kind, content[:i]
        elif kind == "delete":
            yield kind, content[:i] + content[i + rng.choice([1, 1, 2, 5]) :]
        elif kind == "insert":
            some = rng.choice(
                [b"\xff", b"\0", b"\n", b"#", b"9", b"-", b"e", b":", b",", b"{", b'"']
            )
            yield kind, content[:i] + some + content[i:]
        elif kind == "flip":
            yield kind, content[:i] + bytes([rng.randrange(256)]) + content[i + 1 :]
        elif kind == "swap":
            lines[a], lines[b] = lines[b], lines[a]
            yield kind, b"".join(lines)
        elif kind == "drop":
            yield kind, b"".join(lines[:a] + lines[a + 1 :])
        else:
            yield kind, b"".join([*lines[:a], lines[a], *lines[a:]])
