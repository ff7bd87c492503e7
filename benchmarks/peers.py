"""The other codes and ours on the same work, in turn, on one core and on all.

    python benchmarks/peers.py [--rounds 3] [--python PYTHON]

PYTHON: an interpreter with `pip install torch==2.13.0` and then `pip install ".[bench]"`; by
default one is made in build/peers (minutes, 2 GB).  Each case runs in a process of its own, the
codes directly after each other in every round.  Writes benchmarks/results/peers_cpu.md.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from harness import Report, arguments, spread
from peer_cases import SHAPES
from peer_work import CODES

ROOT = Path(__file__).parents[1]
ONLY = {
    "sp5": ("jaxstt", "jaxstt float32", "magnum.np", "roof"),
    "gradient film": ("jaxstt", "NeuralMag", "roof"),
    "gradient wire": ("jaxstt", "NeuralMag", "roof"),
    "tangents film": ("jaxstt", "roof"),
    "tangents wire": ("jaxstt", "roof"),
}
"""NeuralMag has no torque and no forward mode, magnum.np differentiates fixed steps only."""


def environment() -> str:
    """A Python that has all codes."""
    place = ROOT / "build" / "peers"
    python = place / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        for what in ("torch==2.13.0", f"{ROOT}[bench]"):
            subprocess.run([python, "-m", "pip", "install", "--quiet", what], check=True)
    return str(python)


def work(python: str, code: str, name: str, cores: set[int]) -> dict[str, Any] | None:
    """What one process says; None if it failed (its last line is shown)."""
    pin = (lambda: os.sched_setaffinity(0, cores)) if hasattr(os, "sched_setaffinity") else None
    script = str(Path(__file__).with_name("peer_work.py"))
    done = subprocess.run(
        [python, script, code, name], capture_output=True, text=True, preexec_fn=pin, check=False
    )
    if done.returncode:
        print(f"  {code} failed: {(done.stderr.strip().splitlines() or ['?'])[-1]}", flush=True)
        return None
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    chosen = arguments(
        __doc__,
        ("rounds", 3, "processes of each case"),
        ("only", "", "works, separated by commas, instead of all"),
        ("python", "", "an interpreter that has the codes; made in build/peers"),
    )
    python = chosen.python or environment()
    every = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    report = Report(__file__, "jaxstt, NeuralMag and magnum.np on the same work")
    found: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    settings = [{min(every)}, every] if len(every) > 1 else [every]
    wanted = chosen.only.split(",") if chosen.only else list(SHAPES)
    for name in wanted:
        for cores in settings:
            for _ in range(chosen.rounds):
                for code in CODES:
                    if code not in ONLY.get(name, CODES):
                        continue
                    print(f"{name}, {len(cores)} cores, {code}", flush=True)
                    result = work(python, code, name, cores)
                    if result is not None:
                        found.setdefault((name, code, len(cores)), []).append(result)
    report.circumstances(chosen.rounds)
    report.table(
        "work", "cores", "code", "ms", "times ours", "first call, s", "besides", "share of the roof"
    )
    for (name, code, cores), results in found.items():
        ms = np.concatenate([np.asarray(r["seconds"]) for r in results]) * 1e3
        ours = found.get((name, "jaxstt", cores))
        pairs = zip(results, ours or [], strict=False)
        ratio = [np.median(a["seconds"]) / np.median(b["seconds"]) for a, b in pairs]
        first = np.asarray([r["first"] for r in results])
        report.row(
            name,
            cores,
            code,
            spread(ms),
            spread(np.asarray(ratio)),
            spread(first),
            besides(results),
            share(results, found.get((name, "roof", cores))),
        )
    if chosen.only:
        print("\n".join(report.lines))
    else:
        report.write()


def besides(results: list[dict[str, Any]]) -> str:
    """What a case tells beyond its time."""
    if "error" in results[0]:
        return f"error in <m> {max(r['error'] for r in results):.1e}"
    if "rate" in results[0]:
        return f"{spread(np.asarray([r['rate'] for r in results]))} Mcell rhs/s per core"
    if "run" in results[0]:
        times = [np.median(r["seconds"]) / r["run"] for r in results]
        return f"{spread(np.asarray(times))} times its own run"
    if "mean" in results[0]:
        return "<m> at the end " + ", ".join(f"{x:.5f}" for x in results[0]["mean"])
    return ""


def share(results: list[dict[str, Any]], roof: list[dict[str, Any]] | None) -> str:
    """How much of the time of a case is what none of its evaluations can do without."""
    if roof is None or "evaluations" not in results[0]:
        return ""
    pairs = zip(results, roof, strict=False)
    return spread(
        np.asarray(
            [np.median(b["seconds"]) * a["evaluations"] / np.median(a["seconds"]) for a, b in pairs]
        )
    )


if __name__ == "__main__":
    main()
