"""The worked example of CONVENTIONS.md, from the converters.

    python docs/conventions.py      # writes it into the page, between its two marks

`tests/test_conventions.py` refuses a page that differs from what this makes.
"""

from pathlib import Path
from typing import Any

import jax

import jaxstt
from jaxstt import converters

PAGE = Path(__file__).parents[1] / "CONVENTIONS.md"
BEGIN, END = "<!-- made by docs/conventions.py -->", "<!-- end -->"
SAMPLE: dict[str, Any] = {
    "Ms": 8e5,
    "alpha": 0.01,
    "xi": 0.05,
    "P": 0.6,
    "n0": 4e4,
    "j": 1e12,
    "gamma": 1.7595e11,
}


def rows() -> list[tuple[str, str, str, str]]:
    """(quantity, value, unit, where it belongs)."""
    c = jaxstt.torque_coefficients(**SAMPLE)
    mumax3, default = (converters.to_mumax3(**SAMPLE, default_gamma=d) for d in (False, True))
    oommf = converters.to_oommf(**SAMPLE)
    names = ("Ms", "xi", "P", "n0", "j")
    velocity = converters.to_velocity(**{name: SAMPLE[name] for name in names})
    standard = converters.from_velocity(u=-72.35, beta=0.05, Ms=8e5, P=1.0)
    paper = converters.to_velocity(Ms=8e5, xi=0.05, P=1.0, j=1e12, convention="paper")
    quoted = converters.to_velocity(Ms=8e5, xi=0.0, P=1.0, j=1e12)
    text = "standard problem 5, P = 1, ξ = 0.05, n0 = 0"
    return [
        ("eta", f"{float(c.eta):.8f}", "1", "here"),
        ("u", f"{float(c.u):.6f}", "m/s", "here"),
        ("U", f"{float(c.U):.6f}", "m/s", "here"),
        ("gamma~", power(mumax3.GammaLL, 8), "rad/(s T)", "here; mumax3 `GammaLL`"),
        ("alpha~", f"{float(mumax3.alpha):.8f}", "1", "all"),
        ("Pol", f"{float(mumax3.Pol):.1f}", "1", "mumax3, with `GammaLL` = gamma~"),
        ("Pol/(1+eta)", f"{float(default.Pol):.8f}", "1", "mumax3, with `GammaLL` at its default"),
        ("u_T", f"{float(oommf.u):.6f}", "m/s", "OOMMF"),
        ("gamma_G", f"{float(oommf.gamma_G):.2f}", "m/(A s)", "OOMMF"),
        ("P_T", f"{float(velocity.P_T):.8f}", "1", "papers with beta"),
        ("sp5 u", f"{float(paper.u):.3f}", "m/s", f"{text}: the coefficient of (u·∇)m"),
        (
            "sp5 u_T",
            f"{float(quoted.u):.3f}",
            "m/s",
            "as it is quoted: no 1/(1+ξ²), − sign",
        ),
        ("sp5 j", power(standard.j, 5), "A/m²", "that u_T = −72.35 m/s, β = 0.05 stand for"),
    ]


def power(value: jax.Array, decimals: int) -> str:
    mantissa, exponent = f"{float(value):.{decimals}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def table() -> str:
    head = ["| quantity | value | unit | belongs to |", "|---|---|---|---|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows())])


def page() -> str:
    """CONVENTIONS.md as it should be."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    with jax.enable_x64(True):
        PAGE.write_text(page(), encoding="utf-8")
