"""Sweeps that are killed: on one process at any moment, and one of two processes."""

import json
import random
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from jaxstt.io import load_zarr

ROOT = Path(__file__).parents[2]
CHUNKS = 64

# A logged sweep of 64 chunks of 2 points on two devices; arguments: path, log, resume, and with
# jax.distributed: address, number of this process, where to put what it holds in the end.
SCRIPT = """
    import json, os, sys, time
    import jax
    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_enable_x64", True)
    path, log, resume, *rest = sys.argv[1:]
    if rest:
        jax.distributed.initialize(rest[0], 2, int(rest[1]))
    import jax.numpy as jnp, numpy as np
    from jaxstt._sweep import _run as _sweep_run
    real = _sweep_run.run_chunk
    def logged(work, arrays, columns, chunk):
        points = {n: x.tolist() for n, x in columns.items()}
        line = json.dumps([jax.process_index(), points]) + "\\n"
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(out, line.encode())
        os.close(out)
        time.sleep(0.03)
        return real(work, arrays, columns, chunk)
    _sweep_run.run_chunk = logged
    def oscillate(j, xi):
        step = lambda i, y: y + 1e-3 * jnp.stack([y[1], -j * jnp.sin(y[0]) - xi * y[1]])
        y = jax.lax.fori_loop(0, 20_000, step, jnp.stack([j, xi]))
        return {"y": y, "energy": y[1] ** 2 / 2 - j * jnp.cos(y[0])}
    space = {"j": np.linspace(0.1, 2.0, 32), "xi": [0.0, 0.1, 0.2, 0.3]}
    found = _sweep_run.sweep(
        oscillate, space, chunk=2, path=None if path == "none" else path, resume=resume == "resume"
    )
    if len(rest) > 2:  # without a store: what each process holds
        np.save(rest[2] + rest[1] + ".npy", found["y"].values)
"""


class Run:
    """The script as a process, killed at the latest when the test ends."""

    def __init__(self, *arguments):
        self.output = tempfile.TemporaryFile("w+")
        command = [sys.executable, "-c", textwrap.dedent(SCRIPT), *map(str, arguments)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=self.output, stderr=self.output)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.output.close()

    def kill(self):
        self.process.kill()  # SIGKILL: nothing in the process can catch it
        self.process.wait()

    def text(self):
        self.output.seek(0)
        return self.output.read()[-3000:]

    def finish(self, seconds=300):
        assert self.process.wait(seconds) == 0, self.text()
        assert "damaged" not in self.text(), self.text()


def _run(*arguments):
    with Run(*arguments) as run:
        run.finish()


def _pair(*arguments):
    """Two processes that make the same sweep together; rest: what follows the number of each."""
    path, log, *rest = arguments
    address = _address()
    return [Run(path, log, "new", address, i, *rest) for i in (0, 1)]


def _lines(log):
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def _bytes(store):
    files = [p for p in sorted(store.rglob("*")) if p.is_file()]
    return {str(p.relative_to(store)): p.read_bytes() for p in files}


def _kill_when(run, log, chunks, delay):
    while len(_lines(log)) < chunks:
        assert run.process.poll() is None, run.text()
        time.sleep(0.005)
    time.sleep(delay)
    run.kill()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The store of a sweep that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    _run(folder / "x", folder / "log", "new")
    assert len(_lines(folder / "log")) == CHUNKS
    return folder / "x"


def test_kill_at_three_moments_and_resume(tmp_path, whole):
    path, log = tmp_path / "x", tmp_path / "log"
    chance = random.Random()
    for number in range(3):
        before = len(_lines(log))
        with Run(path, log, "resume") as run:
            _kill_when(run, log, before + chance.randint(1, 18), chance.uniform(0, 0.2))
            assert "damaged" not in run.text(), run.text()
        assert not path.exists(), f"killed too late, in run {number}"
    done = {p.name for p in (tmp_path / "x.parts").glob("[0-9]*")}
    _run(path, log, "resume")
    assert _bytes(path) == _bytes(whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log", "x"] and len(done) >= 3
    chunks = [json.dumps(columns) for _, columns in _lines(log)]
    print(f"{len(done)} of {CHUNKS} chunks were there, {len(chunks)} were run in all")
    # Each run again at most the one in flight.
    assert len(set(chunks)) == CHUNKS
    assert CHUNKS <= len(chunks) <= CHUNKS + 3


def _address():
    with socket.socket() as s:
        s.bind(("localhost", 0))
        return f"localhost:{s.getsockname()[1]}"


def test_two_processes_give_what_one_gives(tmp_path, whole):
    first, second = _pair(tmp_path / "x", tmp_path / "log")
    with first, second:
        first.finish()
        second.finish()
    assert _bytes(tmp_path / "x") == _bytes(whole)
    assert [p for p, _ in _lines(tmp_path / "log")].count(1) == CHUNKS // 2
    first, second = _pair("none", tmp_path / "log2", tmp_path / "y")
    with first, second:
        first.finish()
        second.finish()
    expected = load_zarr(whole)["y"].values
    for i in (0, 1):
        np.testing.assert_array_equal(np.load(tmp_path / f"y{i}.npy"), expected)


@pytest.mark.parametrize("victim", [0, 1])
def test_one_of_two_processes_killed(tmp_path, whole, victim):
    path, log = tmp_path / "x", tmp_path / "log"
    runs = _pair(path, log)
    with runs[0], runs[1]:
        _kill_when(runs[victim], log, 10, 0.02)
        begun = time.monotonic()
        survivor = runs[1 - victim]
        assert survivor.process.wait(180) != 0, survivor.text()
    print(f"the survivor ended after {time.monotonic() - begun:.0f} s")
    assert not path.exists()
    finished = len([*(tmp_path / "x.parts").glob("[0-9]*")])
    ran = len(_lines(log))
    _run(path, log, "resume")
    assert _bytes(path) == _bytes(whole)
    assert len(_lines(log)) - ran == CHUNKS - finished and finished >= 8
