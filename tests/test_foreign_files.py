"""Files as other programs and spreadsheets leave them: read right, or refused in one line."""

import struct

import foreign
import helpers
import numpy as np
import pytest

from jaxstt import io

M = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, -0.8], [0.0, 1.0, 0.0]])  # x fastest
HEAD = """# OOMMF OVF 2.0
# Segment count: 1
# Begin: Segment
# Begin: Header
# Title: a state
# Desc: Total simulation time: 2.5e-10 s
# meshunit: m
# meshtype: rectangular
# xmin: 0
# ymin: 0
# zmin: 0
# xmax: 6e-9
# ymax: 5e-9
# zmax: 4e-9
# xnodes: 3
# ynodes: 1
# znodes: 1
# xstepsize: 2e-9
# ystepsize: 5e-9
# zstepsize: 4e-9
# valuedim: 3
# valuelabels: m_x m_y m_z
# valueunits: 1 1 1
# End: Header
"""
ROWS = "1 0 0\n0 0.6 -0.8\n0 1 0\n"
TEXT = HEAD + "# Begin: Data Text\n" + ROWS + "# End: Data Text\n# End: Segment\n"
FIRST = (
    TEXT.replace("OVF 2.0", "rectangular mesh v1.0")
    .replace(": rectangular mesh", ":rectangular mesh")
    .replace("# valuedim: 3\n# valuelabels: m_x m_y m_z\n# valueunits: 1 1 1\n", "# valueunit: 1\n")
    .replace("OOMMF rect", "OOMMF: rect")
)


def binary(size: int = 8, order: str = "<", head: str = HEAD, numbers=M) -> bytes:
    control = {4: 1234567.0, 8: 123456789012345.0}[size]
    kind = {4: "f", 8: "d"}[size]
    data = struct.pack(f"{order}{1 + np.size(numbers)}{kind}", control, *np.ravel(numbers))
    end = f"\n# End: Data Binary {size}\n# End: Segment\n"
    return f"{head}# Begin: Data Binary {size}\n".encode() + data + end.encode()


def is_right(found: io.OVF) -> bool:
    same = found.grid.shape == (3, 1, 1) and found.grid.spacing == (2e-9, 5e-9, 4e-9)
    return same and np.allclose(found.values[:, :, 0, 0], M.T, rtol=1e-7, atol=0)


@pytest.fixture
def ovf(tmp_path):
    """Read this content as an OVF file; the message, without the file's name, if it is refused."""

    def read(content: str | bytes) -> io.OVF | str:
        return foreign.outcome(io.read_ovf, tmp_path / "m.ovf", content, ": ")

    return read


DRESSES = {
    "plain": TEXT,
    "1.0": FIRST,
    "binary 4": binary(4),
    "binary 8": binary(8),
    "1.0, binary": binary(4, ">", FIRST[: FIRST.index("# Begin: Data")]),
    "0.99": FIRST.replace("v1.0", "v0.99"),
    "comments that look like keys": TEXT.replace(
        "# End: Header", "## xstepsize: 9e-9\n### xnodes: 5\n## Begin: Data Text\n#\n# End: Header"
    ),
    "comments first": TEXT.replace("# xnodes", "## xnodes: 4\n#   ## ynodes: 3\n# xnodes"),
    "comments behind": TEXT.replace("nodes: 3", "nodes: 3 ## comment: 4").replace(
        "unit: m", "unit: m## metres"
    ),
    "comments in data": TEXT.replace("0 0.6", "## 1 2 3\n#\n# more\n0 0.6").replace(
        "-0.8", "-0.8 ## down"
    ),
    "case": TEXT.upper().replace(": M\n", ": m\n").replace("E-9", "e-9").replace(" S\n", " s\n"),
    "blanks": TEXT.replace("# ", "#").replace("Data Text", "  data\ttext"),
    "blanks in labels": TEXT.replace("# ", "#  ")
    .replace("nodes:", " nodes :")
    .replace("Begin:", "begin :")
    .replace("End:", "E N D :".replace("E N D", "END")),
    "empty lines": TEXT.replace("# xnodes", "\n   \n#\n# \t\n# xnodes"),
    "byte-order mark": "\ufeff" + TEXT,
    "byte-order mark, binary": b"\xef\xbb\xbf" + binary(),
    "UTF-16": TEXT.encode("utf-16"),
    "CRLF": TEXT.replace("\n", "\r\n"),
    "CR": TEXT.replace("\n", "\r"),
    "CRLF, binary": binary(head=HEAD.replace("\n", "\r\n")),
    "Latin-1": TEXT.replace("a state", "\xb5").encode("latin-1"),
    "minus of Unicode": TEXT.replace("-0.8", "\u22120.8"),
    "many Desc": TEXT.replace(
        "# meshunit", "# Desc: ## Iteration: 5\n# Desc: xnodes: 9\n# meshunit"
    ),
    "twice the same": TEXT.replace("# znodes", "# xnodes: 3.0\n# znodes"),
    "between header and data": TEXT.replace("End: Header\n", "End: Header\nany\n# xnodes: 7\n"),
    "nm": TEXT.replace("unit: m\n", "unit: nm\n").replace("e-9\n", "\n"),
    "one unit": TEXT.replace("1 1 1", "1"),
    "data in one line": TEXT.replace(ROWS, ROWS.replace("\n", "\t") + "\n"),
    "nothing after the data": TEXT.replace("# End: Segment\n", ""),
    "no box": "".join(
        line for line in TEXT.splitlines(True) if "min:" not in line and "max:" not in line
    ),
    "1.0, multiplied": FIRST.replace("# valueunit", "# valuemultiplier: .5 ## Ms\n# valueunit")
    .replace("\n1 0 0", "\n2 0 0")
    .replace("0 0.6 -0.8", "0 1.2 -1.6")
    .replace("\n0 1 0", "\n0 2 0"),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_the_same_ovf_in_many_dresses(dress, ovf):
    found = ovf(DRESSES[dress])
    assert not isinstance(found, str), found
    assert is_right(found) and found.t == 2.5e-10 and found.unit == "1"


REFUSED = {
    "swapped nodes": (
        binary(head=HEAD.replace("xnodes: 3", "xnodes: 1").replace("ynodes: 1", "ynodes: 3")),
        "xmin..xmax must be as long as xnodes * xstepsize = 1 * 2e-09 = 2e-09, got 0..6e-09",
    ),
    "thickness": (TEXT.replace("zmax: 4e-9", "zmax: 5e-9"), "zmin..zmax must be as long as"),
    "box": (TEXT.replace("xmax: 6e-9", "xmax: six"), "xmax must be a number, got 'six'"),
    "infinite": (TEXT.replace("xnodes: 3", "xnodes: inf"), "xnodes must be finite, got inf"),
    "huge": (TEXT.replace("xnodes: 3", "xnodes: 1e300"), "xnodes must be an integer >= 1"),
    "underscore": (TEXT.replace("xnodes: 3", "xnodes: 3_0"), "xnodes must be a number, got '3_0'"),
    "no colon": (
        TEXT.replace("# xnodes: 3", "# xnodes = 3"),
        "must be '# label: value', got '# xn",
    ),
    "multiplier without colon": (
        FIRST.replace("# valueunit", "# valuemultiplier 8e5\n# valueunit"),
        "must be '# label: value', got '# valuemultiplier 8e5'",
    ),
    "multiplier": (
        FIRST.replace("# valueunit", "# valuemultiplier: Ms\n# valueunit"),
        "valuemultiplier must be a number, got 'Ms'",
    ),
    "multiplier 0": (
        FIRST.replace("# valueunit", "# valuemultiplier: 0\n# valueunit"),
        "valuemultiplier must be a number other than 0, got 0",
    ),
    "multiplier too large": (
        FIRST.replace("# valueunit", "# valuemultiplier: 1e308\n# valueunit").replace("0.6", "60"),
        "valuemultiplier 1e+308 makes values that are not finite",
    ),
    "multiplier of 2.0": (
        TEXT.replace("# valuedim", "# valuemultiplier: 8e5\n# valuedim"),
        "valuemultiplier must be 1 in OVF 2.0, which has none, got 8e5",
    ),
    "misspelt multiplier": (
        FIRST.replace("# valueunit", "# valuemultipler: 8e5\n# valueunit"),
        "unknown label 'valuemultipler'; did you mean 'valuemultiplier'?",
    ),
    "dimension of 1.0": (
        FIRST.replace("# valueunit", "# valuedim: 1\n# valueunit"),
        "valuedim must be 3 in OVF 1.0, got 1",
    ),
    "twice": (
        TEXT.replace("# znodes", "# xnodes: 4\n# znodes"),
        "xnodes is there twice: '3' and '4'",
    ),
    "segments": (TEXT.replace("count: 1", "count: 2"), "segment count must be 1, got 2"),
    "irregular": (
        FIRST.replace("rectangular mesh", "irregular mesh"),
        "meshtype must be rectangular, got irregular in the first line",
    ),
    "irregular 2.0": (
        TEXT.replace("meshtype: rectangular", "meshtype: irregular"),
        "meshtype must be rectangular, got irregular",
    ),
    "version": (TEXT.replace("OVF 2.0", "OVF 3.0"), "must be of version 1.0 or 2.0, got 3.0"),
    "two blocks": (TEXT + TEXT, "must hold one block of data, got another one after it"),
    "no end": (TEXT.split("# End: Data")[0], "is cut off: it has no '# End: Data Text' line"),
    "cut in a number": (TEXT[: TEXT.index(".8\n") + 1], "is cut off"),
    "no end, binary": (binary().split(b"\n# End: Data")[0], "must hold 9 numbers and then"),
    "one too few": (binary(numbers=np.ravel(M)[:-1]), "must hold 9 numbers and then '# End: Data'"),
    "one too many": (binary(numbers=[*np.ravel(M), 1.0]), "must hold 9 numbers and then '# End"),
    "half the layers": (
        binary(numbers=np.tile(M, (2, 1))),
        "must hold 9 numbers and then '# End: Data', got fewer or more",
    ),
    "big-endian 2.0": (
        binary(8, ">"),
        "control number must be 123456789012345 (little-endian), got",
    ),
    "little-endian 1.0": (
        binary(4, "<", FIRST[: FIRST.index("# Begin: Data")]),
        "(big-endian), got",
    ),
    "4 for 8": (binary(4).replace(b"Binary 4", b"Binary 8"), "is cut off: it must hold 9 numbers"),
    "not a number, binary": (
        binary(numbers=[1.0, np.nan, *np.ravel(M)[2:]]),
        "holds values that are not finite: number 2 of 9",
    ),
    "decimal comma": (TEXT.replace("0.6", "0,6"), "line 27: data must be numbers: '0,6' is no num"),
    "labels": (TEXT.replace("m_x m_y", "m_x"), "valuelabels must be 3 names, got 2"),
    "open label": (TEXT.replace("m_x m_y", "{m_x m_y"), "valuelabels must be a list of words"),
    "units": (TEXT.replace("1 1 1", "A/m A/m T"), "valueunits must all be equal, got 'A/m A/m T'"),
    "time": (
        TEXT.replace("2.5e-10 s", "2.5e-10 days"),
        "total simulation time must be a number in one of s, ms, us",
    ),
    "two times": (
        TEXT.replace("# meshunit", "# Desc: Total simulation time: 1 ns\n# meshunit"),
        "total simulation time is there twice",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_ovf_that_says_something_else(case, ovf):
    content, message = REFUSED[case]
    found = ovf(content)
    assert isinstance(found, str), "was read"
    assert message in found


@pytest.mark.parametrize(
    ("text", "t"),
    [
        ("# Desc: Total simulation time: 1e-9 s", 1e-9),
        ("# Desc: Total simulation time:  1  ns", 1e-9),
        ("# Desc: Total simulation time: 1e-9s", 1e-9),
        ("# Desc: total simulation time: 1E-9\n# Desc: ms are not meant", 1e-9),
        ("# Desc: Stage: 0, Total simulation time: 1000 ps, Iteration: 5", 1e-9),
        ("#desc:  Total simulation time = 1e6 fs", 1e-9),
        ("# Desc: Total simulation time 1e-3 us", 1e-9),
        ("# Desc: the total simulation time is in the table", None),
    ],
)
def test_time_of_an_ovf(text, t, ovf):
    found = ovf(TEXT.replace("# Desc: Total simulation time: 2.5e-10 s", text))
    assert not isinstance(found, str), found
    assert found.t == (None if t is None else pytest.approx(t, rel=1e-15))


def test_labels_of_an_ovf(ovf):
    names = '# valuelabels: "Magnetisation x" {M {a} y} M\\ z\n# valueunits: {A/m}'
    found = ovf(TEXT.replace("# valuelabels: m_x m_y m_z\n# valueunits: 1 1 1", names))
    assert not isinstance(found, str), found
    assert found.labels == ("Magnetisation x", "M {a} y", "M z") and found.unit == "A/m"


def test_ovf_is_written_as_it_is_read(tmp_path):
    path = tmp_path / "m.ovf"
    io.write_ovf(path, helpers.GRID, helpers.noise(helpers.GRID), labels=("a b", '"q"', ""))
    assert io.read_ovf(path).labels == ("a b", '"q"', "")
    for arguments in ({"title": "a ## b"}, {"unit": "\\"}, {"labels": ("a\\", "b", "c")}):
        with pytest.raises(ValueError, match=f"`{next(iter(arguments))}` must be one line"):
            io.write_ovf(path, helpers.GRID, helpers.noise(helpers.GRID), **arguments)
    with pytest.raises(ValueError, match="`t` must be finite, got inf"):
        io.write_ovf(path, helpers.GRID, helpers.noise(helpers.GRID), t=np.inf)


@pytest.mark.parametrize("dress", ["plain", "1.0", "binary 4", "binary 8", "comments in data"])
def test_a_damaged_ovf_is_refused_or_right(dress, ovf):
    content = DRESSES[dress]
    content = content.encode() if isinstance(content, str) else content
    for end in range(len(content)):
        found = ovf(content[:end])
        assert isinstance(found, str) or is_right(found), end
    for kind, damaged in foreign.mutations(content, 1, 600):
        found = ovf(damaged)
        if kind in ("drop", "double") and dress != "1.0" and not isinstance(found, str):
            assert is_right(found), damaged
