"""The page of a fit: complete, in one file, whatever the data say."""

import base64
import dataclasses
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from fit_data import measurements, unchecked

import fitting
from fitting._figures import corner_figure, figure, page, profile_figure

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "headless_shell")
VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Tags that are open, what is referred to, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.links, self.words = [], [], []

    def handle_starttag(self, tag, attrs) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.words.append(data)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert not reader.open
    return reader


@pytest.fixture(scope="module")
def fit() -> fitting.Fit:
    return unchecked("strip_a")


@pytest.fixture(scope="module")
def text(fit) -> str:
    return page(fit, {"fit": figure(fit)}, "beside <it>")


def test_page_says_what_the_report_says(fit, text) -> None:
    found = " ".join(" ".join(read(text).words).split())
    for part in ("xi", "0.266 +- 0.026", "nuisance, fitted with a 30 % prior", "chi2/dof"):
        assert part in found
    for line in fit.report().splitlines()[14:]:
        assert " ".join(line.split()) in found
    assert found.count("wall_velocity") >= 12 and "beside <it>" in found
    assert f"{fit.data.value[3]:.5g}" in found


def test_page_needs_nothing_else(text) -> None:
    reader = read(text)
    assert len(text) < 3e6 and len(reader.links) == 1
    picture = reader.links[0]
    assert picture.startswith("data:image/png;base64,")
    assert base64.b64decode(picture.partition(",")[2], validate=True).startswith(b"\x89PNG")
    assert not re.search(r"https?:|@import|url\(|<script", text)


def test_page_of_hostile_names(fit) -> None:
    n = len(fit.data)
    data = dataclasses.replace(
        fit.data, path="<b>&a.csv", source=("<script>x</script>",) * n, notes=("1 < 2 & 3",)
    )
    shown = page(dataclasses.replace(fit, data=data, message='"<i>"', converged=False), {})
    assert "<script" not in shown and "<b>" not in shown and "<i>" not in shown
    found = "".join(read(shown).words)
    assert "<b>&a.csv" in found and "1 < 2 & 3" in found and "<script>x</script>" in found


def test_long_files_stay_small() -> None:
    rows = [("drift_velocity", 1e11, 0.0, 4.1, 0.1)] * 5000
    data = measurements(rows, fitting.Sample(Ms=8e5))
    found = unchecked(data, free=("P",), fixed={"xi": 0.0})
    shown = page(found, {"fit": figure(found)})
    assert "The first 1000 of 5000 rows." in shown and len(shown) < 3e6


def drawn_around(fit: fitting.Fit) -> fitting.Posterior:
    """Draws of a normal posterior, not by NUTS."""
    random = np.random.default_rng(0)
    names = (*fit.free, *fit.nuisance)
    samples = {n: fit.values[n] + (fit.std[n] or 0.0) * random.normal(size=(2, 500)) for n in names}
    one = dict.fromkeys(names, 1.0)
    blank = (np.eye(len(names)), 0, True, "", (), 0, np.zeros((0, 4)), None)
    return fitting.Posterior(names, samples, one, one, *blank)  # type: ignore


def test_figures_beyond_the_fit(fit) -> None:
    curves = [fitting.profile(fit, name, points=3) for name in ("P", "alpha")]
    canvas = profile_figure(curves)
    labels = [axes.get_xlabel() for axes in canvas.axes if axes.get_visible()]
    assert labels == ["P", "alpha"]
    heights = {line.get_ydata()[0] for line in canvas.axes[0].lines if line.get_ls() == ":"}
    assert sorted(heights) == pytest.approx([0.994458**2, 1.959964**2], rel=1e-5)
    drawn = canvas.axes[0].lines[0]
    assert drawn.get_ydata().min() == pytest.approx(0.0, abs=1e-3)
    assert drawn.get_xdata().min() < fit.values["P"] < drawn.get_xdata().max()
    posterior = drawn_around(fit)
    corner = corner_figure(posterior, fit)
    names = ("xi", "P", "alpha", "K_perp")
    seen = [axes for axes in corner.axes if axes.get_visible()]
    assert len(seen) == 10 and tuple(a.get_xlabel() for a in seen[-4:]) == (
        *names[:3],
        "K_perp (J/m^3)",
    )
    across = seen[-4]  # xi across, K_perp up
    assert across.lines[0].get_xdata()[0] == fit.values["xi"]
    assert across.lines[0].get_ydata()[0] == fit.values["K_perp"]
    shown = page(fit, {"fit": figure(fit), "profile": canvas, "corner": corner})
    assert len(read(shown).links) == 3 and len(shown) < 3e6


def test_bounds_are_drawn_as_triangles(fit) -> None:
    bound = ("upper", "lower", *fit.data.bound[2:])
    drawn = figure(dataclasses.replace(fit, data=dataclasses.replace(fit.data, bound=bound)))
    labels = drawn.axes[0].get_legend_handles_labels()[1]
    assert "upper bound" in labels and "lower bound" in labels
    assert "upper bound" not in figure(fit).axes[0].get_legend_handles_labels()[1]


def test_page_opens_in_a_browser(text, tmp_path) -> None:
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser here (looked for {', '.join(BROWSERS)})")
    file = tmp_path / "fit.html"
    file.write_text(text, encoding="utf-8")
    options = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--host-resolver-rules=MAP * ~NOTFOUND",
    )
    picture = tmp_path / "page.png"
    for what in ("--dump-dom", f"--screenshot={picture}"):
        done = subprocess.run(
            [browser, *options, what, file.as_uri()], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0
        if what == "--dump-dom":
            assert "0.266 +- 0.026" in done.stdout and "<img" in done.stdout
    assert picture.read_bytes().startswith(b"\x89PNG")
