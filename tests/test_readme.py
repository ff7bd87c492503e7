"""README's Python runs, and its table is what `jaxstt-fit` prints."""

import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


def printed(block: str, capsys) -> list[float]:
    exec(block, {})
    return [float(x) for x in capsys.readouterr().out.split()]


def test_wall_in_a_wire(capsys):
    # v = -(xi/alpha) u, u = (mu_B/e) P j/(Ms (1+xi^2)) = -18.04 m/s
    (velocity,) = printed(BLOCKS[0], capsys)
    assert abs(velocity - 9.02) < 0.05


def test_bands_to_velocity(capsys):
    """v ~ xi/(alpha + xi eta) with xi = tau_ex/tau_sf: d ln v/d ln tau_sf = -alpha/(alpha~...)."""
    velocity, slope = printed(BLOCKS[1], capsys)
    xi, eta = 6.582e-16 / 13e-15, 7.060364e4 / 8e5
    assert velocity > 0
    # u and eta carry 1/(1+xi^2), a change of 1e-3 here
    assert abs(slope * 13e-15 / velocity + 0.02 / (0.02 + xi * eta)) < 0.01
    assert len(BLOCKS) == 2


def test_links_point_at_files():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target
