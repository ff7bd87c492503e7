"""README's Python runs, and its table is what `jaxstt-fit` prints."""

import re
from pathlib import Path

README = (Path(__file__).parent.parent / "README.md").read_text()


def test_python_block(capsys):
    (block,) = re.findall(r"```python\n(.*?)```", README, re.S)
    exec(block, {})
    # v = -(xi/alpha) u, u = (mu_B/e) P j/(Ms (1+xi^2)) = -18.04 m/s
    assert abs(float(capsys.readouterr().out) - 9.02) < 0.05


def test_links_point_at_files():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).parent.parent / target).exists(), target
