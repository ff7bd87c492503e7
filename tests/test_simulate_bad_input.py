"""`jaxstt simulate` refuses what it cannot use: one line, nothing written."""

import pytest
from simulations import BASE, INITIAL, RUN, TORQUE, written

from jaxstt._app._cli import run


def swapped(old: str, new: str) -> str:
    assert old in BASE
    return BASE.replace(old, new)


BAD = [
    # What the file is
    ("[grid", "Expected ']'"),
    (BASE + "\n[grid]\n", "Cannot declare"),
    (BASE.replace("[magnet]", "[magnets]"), "unknown section `magnets`; did you mean `magnet`?"),
    (BASE.replace("[[energy]]", "[[energies]]"), "did you mean `energy`?"),
    (BASE.replace(TORQUE, TORQUE.replace("[[", "[").replace("]]", "]")), "written as [[torque]]"),
    (BASE.replace(INITIAL, ""), "[initial] is missing"),
    (BASE.replace(RUN, ""), "[run] is missing (or [relax]"),
    # [grid]
    (swapped("shape =", "shap ="), "[grid] unknown key `shap`; did you mean `shape`?"),
    (swapped("[32, 1, 1]", "[32, 1]"), "[grid] `shape` must be three positive integers"),
    (swapped("[32, 1, 1]", "[32.5, 1, 1]"), "[grid] `shape[0]` must be a whole number, got 32.5"),
    (swapped("[32, 1, 1]", "32"), "[grid] `shape` must be a list of whole numbers, got 32"),
    (swapped("[32, 1, 1]", "[100000, 100000, 100]"), "a run needs"),
    (swapped("[4e-9,", "[-4e-9,"), "[grid] `spacing` must be three lengths > 0"),
    (swapped("[4e-9,", "[4,"), "[grid] `spacing` is in m"),
    # [magnet]
    (swapped("Ms = 8e5", "Ms = nan"), "[magnet] `Ms` must be finite, got nan"),
    (swapped("Ms = 8e5", "Ms = 0"), "[magnet] `Ms` must be > 0, got 0"),
    (swapped("Ms = 8e5", 'Ms = "8e5"'), "[magnet] `Ms` must be a number, got '8e5'"),
    (swapped("Ms = 8e5", "Ms = true"), "[magnet] `Ms` must be a number, got True"),
    (swapped("Ms = 8e5", 'Ms = { file = "Ms.npy" }'), "[magnet] `Ms`: `file` 'Ms.npy' does not"),
    (swapped("alpha = 0.1", ""), "[magnet] `alpha` is missing (LLG has Ms, alpha, gamma)"),
    (swapped("alpha = 0.1", "alpha = -0.1"), "[magnet] `alpha` must be >= 0, got -0.1"),
    # [[energy]]
    (swapped("A = 1.3e-11", "A = -1"), "[energy 1] `A` must be > 0, got -1"),
    (swapped("A = 1.3e-11", "a = 1"), "[energy 1] unknown key `a`; did you mean `A`? (Exchange"),
    (swapped("A = 1.3e-11", "A = [[1.0], [1.0, 2.0]]"), "[energy 1] `A` must be a list of numb"),
    (swapped("A = 1.3e-11", "A = 1e-11\norder = 3"), "[energy 1] `order` must be 2 or 4, got 3"),
    (swapped("A = 1.3e-11", "A = 1e-11\norder = 2.0"), "`order` must be a whole number, got 2.0"),
    (swapped('"Exchange"', '"Exchnage"'), "unknown type 'Exchnage'; did you mean `Exchange`?"),
    (swapped('type = "Exchange"', ""), "[energy 1] `type` is missing (there are"),
    (swapped("K = 2e5", "K = 2e5\naxis = [0, 0, 0]"), "[energy 2] `axis` must not be zero"),
    (swapped("K = 2e5", "K = 2e5\naxis = [0, 1]"), "[energy 2] `axis` must be a vector (3,)"),
    (swapped("K = 2e5", "K = [2e5, 2e5]"), "[energy 2] `K` of UniaxialAnisotropy must be"),
    # [[torque]]
    (swapped("P = 0.5", "P = 1.5"), "[torque 1] `P` must be <= 1, got 1.5"),
    (swapped("P = 0.5", ""), "[torque 1] `P` is missing"),
    (swapped("[-1e12, 0, 0]", "-1e12"), "[torque 1] `j` must be (3,) or (3, nx, ny, nz)"),
    (swapped("[-1e12, 0, 0]", '{ type = "Puls" }'), "[torque 1] `j`: unknown type 'Puls'; did you"),
    (
        swapped("[-1e12, 0, 0]", '{ type = "Pulse", value = [1, 0], start = 0, duration = 1 }'),
        "[torque 1] `j` of ZhangLi must be a vector (3,)",
    ),
    (
        swapped("[-1e12, 0, 0]", '{ type = "Pulse", value = [1, 0, 0], start = 0 }'),
        "[torque 1] `j`: `duration` is missing",
    ),
    (swapped("P = 0.5", 'P = { type = "Sinusoid" }'), "[torque 1] `P` must be a number, a list or"),
    (swapped('"ZhangLi"', '"ZhangLi.from_velocty"'), "did you mean `ZhangLi.from_velocity`?"),
    # [initial]
    (swapped("bloch_wall", "block_wall"), "[initial] unknown type 'block_wall'; did you mean"),
    (swapped("width = 8e-9", "width = 1e-9"), "[initial] `width` must be >= the cell"),
    (swapped("width = 8e-9", "width = 8e-9\ncharge = 2"), "[initial] `charge` must be +1 or -1"),
    (BASE.replace(INITIAL, '[initial]\nfile = "no.ovf"\n'), "[initial] `file` 'no.ovf' does not"),
    (BASE.replace(INITIAL, '[initial]\nfile = "config.toml"\n'), "[initial] "),
    (BASE.replace(INITIAL, '[initial]\ntype = "random"\n'), "[initial] `seed` is missing"),
    (BASE.replace(INITIAL, '[initial]\ntype = "random"\nseed = -1\n'), "`seed` must be between"),
    # [relax]
    (BASE + "\n[relax]\ntol = 0", "[relax] `tol` must be"),
    (BASE + "\n[relax]\nmax_steps = 1.5", "[relax] `max_steps` must be a whole number"),
    (BASE + "\n[relax]\nmax_stepps = 1", "[relax] unknown key `max_stepps`; did you mean `max_s"),
    # [run]
    (swapped("duration = 0.2e-9", ""), "[run] `duration` is missing"),
    (swapped("duration = 0.2e-9", "duration = -1e-9"), "[run] `duration` must be > 0, got -1e-09"),
    (swapped("duration = 0.2e-9", "duration = nan"), "[run] `duration` must be > 0, got nan"),
    (swapped("duration = 0.2e-9", "duration = 200"), "saved times, at most 1e+06"),
    (
        swapped("duration = 0.2e-9\nsave_every = 0.05e-9", "duration = 1\nsave_every = 0.5"),
        "[run] `duration` is in s: 1 s would take",
    ),
    (
        BASE.replace(RUN, "[run]\ntimes = [0, 1]"),
        "[run] `times` is in s: 1 s would take",
    ),
    (swapped("save_every = 0.05e-9", ""), "one of `save_every` and `times`"),
    (swapped("save_every = 0.05e-9", "save_every = 1e-9"), "[run] `save_every` must be <= `durat"),
    (BASE + "times = [0, 1e-9]", "one of `save_every` and `times`"),
    (
        BASE.replace(RUN, "[run]\ntimes = [0, 2e-9, 1e-9]"),
        "[run] `times` must give times that incr",
    ),
    (BASE + 'solver = "fast"', "[run] unknown solver 'fast'; did you mean"),
    (BASE + 'solver = "adaptive"\n[thermal]\nT = 300\nseed = 1', '`solver` must be "fixed" with'),
    (BASE + "rtol = 1e-3\n[thermal]\nT = 300\nseed = 1", "has no meaning with [thermal], whose"),
    (BASE + "[thermal]\nT = -1\nseed = 1", "[thermal] `T` must be >= 0, got -1"),
    (BASE + "[thermal]\nT = 300", "[thermal] `seed` is missing"),
    (BASE + "[thermal]\nT = [1.0, 2.0]\nseed = 1", "[thermal] `T` must be a number or a field"),
    (
        BASE.replace(RUN, "[relax]\n") + "[thermal]\nT = 300\nseed = 1",
        "[thermal] has no meaning without [run]",
    ),
    (BASE + 'solver = "fixed"\nrtol = 1e-3', "[run] `rtol` has no meaning with"),
    (BASE + 'solver = "fixed"\ndt = 1e-9', "[run] `dt` must be <= "),
    (BASE + "dt = 1e-15", "[run] `dt` has a meaning only with"),
    (BASE + "rtol = -1e-3", "[run] `rtol` must be > 0, got -0.001"),
    (BASE + "rtol = [1e-3]", "[run] `rtol` must be a number, got [0.001]"),
    # [output]
    (BASE + "[output]\ntables = true", "[output] unknown key `tables`; did you mean `table`?"),
    (BASE + "[output]\ntable = 1", "[output] `table` must be true or false, got 1"),
    (BASE + "[output]\novf_every = 0.07e-9", "[output] `ovf_every` must be a multiple of"),
    (BASE + '[output]\nobservables = ["avrage"]', "[output] unknown observable 'avrage'; did you"),
    (BASE + '[output]\nobservables = "average"', "[output] `observables` must be a list of texts"),
    (BASE + '[output]\ncomponent = "w"', '[output] `component` must be "x", "y" or "z"'),
    (
        BASE + '[output]\nobservables = ["wall_width"]\ncomponent = "x"',
        "[output] wall_state: m_x must change sign exactly once",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_config(text: str, message: str, capsys, tmp_path) -> None:
    path = written(tmp_path, text)
    assert run(["simulate", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"jaxstt: error: {path}: ") and message in err
    assert list(tmp_path.iterdir()) == [path]


BAD_FOLDERS = [
    ([], "the folder", "not empty; --force overwrites"),
    (["--out", "FOLDER/config.toml"], "`--out` must be a folder, got the file", ""),
    (["--out", "FOLDER/config.toml/deep"], "`--out` must be writable", ""),
]


@pytest.mark.parametrize(("options", "message", "rest"), BAD_FOLDERS)
def test_bad_folder(options: list[str], message: str, rest: str, capsys, tmp_path) -> None:
    path = written(tmp_path, BASE)
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "mine.txt").write_text("keep")
    before = sorted(tmp_path.rglob("*"))
    options = [option.replace("FOLDER", str(tmp_path)) for option in options]
    assert run(["simulate", str(path), *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and message in err and rest in err
    assert sorted(tmp_path.rglob("*")) == before


def test_no_config(capsys, tmp_path) -> None:
    for path, message in ((tmp_path / "no.toml", "No such file"), (tmp_path, "Is a directory")):
        assert run(["simulate", str(path)]) == 2
        out, err = capsys.readouterr()
        assert (
            out == "" and err == f"jaxstt: error: {path}: {err.partition(': ')[2].split(': ')[-1]}"
        )
        assert message in err
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe")
    assert run(["simulate", str(binary)]) == 2
    assert "utf-8" in capsys.readouterr().err
