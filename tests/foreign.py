"""Random damage to files, for the tests of their readers."""

import random
from collections.abc import Iterator


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
