"""Displacements after pulses: inertia and half turns are data, not noise."""

import dataclasses

import numpy as np
import pytest
from fit_data import measurements, unchecked

import fitting
import jaxstt

A, K, K_PERP, MS = 1.3e-11, 2e5, 3e4, 8e5
SAMPLE = fitting.Sample(Ms=MS, A=A, K=K, easy_axis="z", hard_axis="x", origin="wire")
TRUTH = {"xi": 0.12, "P": 0.5, "alpha": 0.05}
KNOWN = {"P": 0.5, "K": K, "K_perp": K_PERP}
WALL = jaxstt.CollectiveWall(A=A, K=K + K_PERP, Kp=-K_PERP, Ms=MS, **TRUTH)
"""Its rest direction is b: the hard axis lies along the wire."""
LENGTHS = np.array([1e-9, 2e-9, 3e-9, 4e-9, 5e-9])
RISE = 1e-10
DRIVES = (0.6, 1.3, 1.8)
"""In units of the breakdown current, 1.03e12 A/m^2."""


def pulses() -> fitting.Measurements:
    current = float(WALL.breakdown_current())
    rows = [("displacement", -s * current, 0.0, 1.0, 1.0) for s in DRIVES for _ in LENGTHS]
    data = measurements(rows, SAMPLE, TRUTH)
    n = len(rows)
    return dataclasses.replace(data, duration=np.tile(LENGTHS, 3), rise=np.full(n, RISE))


def measured(way: np.ndarray, data: fitting.Measurements) -> fitting.Measurements:
    """With noise of 1 % and 1 nm, drawn."""
    std = 0.01 * np.abs(way) + 1e-9
    noise = np.random.default_rng(1).standard_normal(len(data))
    return dataclasses.replace(data, value=way + std * noise, std=std)


def check(data: fitting.Measurements) -> None:
    fit = unchecked(data, free=("xi", "alpha"), fixed=KNOWN, nuisance=())
    assert fit.converged and fit.chi2 < 2.5 * fit.dof
    for name in ("xi", "alpha"):
        assert fit.values[name] == pytest.approx(TRUTH[name], rel=0.03)
        ends = fit.intervals[name]
        assert ends is not None and ends[0] < TRUTH[name] < ends[1]
    # Dividing by the length of the pulse, as one does without a model of the pulse.
    v = data.value / data.duration
    steady = dataclasses.replace(
        data, observable=("wall_velocity",) * len(data), value=v, std=data.std / data.duration
    )
    off = np.abs(v / np.asarray(WALL.motion(data.j, data.B).velocity) - 1)
    assert np.median(off[5:]) > 0.15
    divided = unchecked(steady, free=("xi", "alpha"), fixed=KNOWN, nuisance=())
    assert max(abs(divided.values[n] / TRUTH[n] - 1) for n in ("xi", "alpha")) > 0.15


def test_pulses_of_a_collective_wall() -> None:
    """The half turns make chi2 jump: the search must find its way between the jumps."""
    data = pulses()
    check(measured(fitting.predict(data, {**TRUTH, **KNOWN}), data))
