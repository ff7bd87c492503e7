"""Parts of the TOML files of `jaxstt simulate`; numbers as text, so that tests find them again."""

EXCHANGE = """
[[energy]]
type = "Exchange"
A = 1.3e-11
"""


def wire(cells: int, cell: str = "4e-9", alpha: str = "0.1") -> str:
    """[grid], [magnet] and exchange of a wire 50 nm wide and 1 nm thick."""
    return f"""
[grid]
shape = [{cells}, 1, 1]
spacing = [{cell}, 50e-9, 1e-9]

[magnet]
Ms = 8e5
alpha = {alpha}
{EXCHANGE}"""


def uniaxial(K: str, axis: str = "") -> str:
    """[[energy]]; without an axis along z."""
    along = f"axis = {axis}\n" if axis else ""
    return f'\n[[energy]]\ntype = "UniaxialAnisotropy"\nK = {K}\n{along}'


def bloch_wall(width: str, *more: str) -> str:
    """[initial]; more: further lines."""
    lines = "".join(f"{line}\n" for line in more)
    return f'\n[initial]\ntype = "bloch_wall"\nwidth = {width}\n{lines}'


def run(duration: str, save_every: str) -> str:
    return f"\n[run]\nduration = {duration}\nsave_every = {save_every}\n"
