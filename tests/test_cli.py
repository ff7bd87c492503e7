"""`jaxstt-fit`: exit codes, files, and bad input in one line."""

import json
from pathlib import Path

import pytest
import typer

from fitting import InputError, _cli, load_measurements, template
from fitting._cli import run

HEADER = """# Ms_A_per_m = 8e5
# A_J_per_m = 1.3e-11
# K_J_per_m3 = 6e5
# easy_axis = z
# width_m = 100e-9
# thickness_m = 1e-9
"""
COLUMNS = "observable,current_density_A_per_m2,field_T,value,std,unit\n"
ROW = "wall_velocity,-1e11,0,10,0.5,m/s\n"
FAST = ("--free", "P", "--fix", "xi=0")


def refused(arguments, capsys, folder: Path) -> str:
    """The error's line; nothing may have been printed or written besides."""
    before = sorted(folder.rglob("*"))
    assert run([str(a) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("jaxstt-fit: error: ")
    assert sorted(folder.rglob("*")) == before
    return err.removeprefix("jaxstt-fit: error: ").strip()


BAD_FILES = [
    (HEADER.replace("100e-9", "100") + COLUMNS + ROW, ":5: header key `width_m` must be of a size"),
    (HEADER.replace("1.3e-11", "13") + COLUMNS + ROW, "`A_J_per_m` must be of a size between"),
    (HEADER.replace("8e5", "1e-300") + COLUMNS + ROW, "got 1e-300; is the unit right?"),
    (HEADER + COLUMNS + ROW.replace("11,0,", "11,500,"), ":8: column `field_T` must be of a size"),
    ("", "the file is empty"),
    (HEADER + "observable,current_density_A_per_m2,value,std,unit,speed\n" + ROW, "'speed'"),
    ("# Msat = 8e5\n" + COLUMNS + ROW, ":1: unknown header key `Msat`"),
    (HEADER.replace("# A_J_per_m = 1.3e-11\n", "") + COLUMNS + ROW, "`A_J_per_m`"),
    (HEADER + COLUMNS + ROW.replace("10", "ten"), ":8: column `value`"),
    (HEADER + COLUMNS + ROW.replace("10", "nan"), "must be a finite number, got nan"),
    (HEADER + COLUMNS + ROW.replace("0.5", "0"), "column `std` must be > 0, got 0"),
    (HEADER + COLUMNS + ROW.replace("0.5", "-1"), "column `std` must be > 0, got -1"),
    (HEADER + COLUMNS + ROW.replace("0.5", ""), "column `std` must be given for a fit"),
    (HEADER + COLUMNS.replace("field_T", "value") + ROW, "column `value` is given twice"),
    (HEADER + COLUMNS + ROW.replace("m/s", "km/h"), "column `unit` must be m/s"),
    (HEADER.replace("8e5", "-8e5") + COLUMNS + ROW, ":1: header key `Ms_A_per_m` must be > 0"),
    (HEADER + "# truth_alpha = -0.1\n" + COLUMNS + ROW, "`truth_alpha` must be >= 0, got -0.1"),
    (HEADER + "# truth_P = 1.2\n" + COLUMNS + ROW, "`truth_P` must be between -1 and 1, got 1.2"),
    (HEADER + "# cell_x_m = 50e-9\n" + COLUMNS + ROW, "`cell_x_m` must be below the wall width"),
    (HEADER.replace("6e5", "1e5") + COLUMNS + ROW, "the easy axis z is not stable"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_bad_files(text: str, message: str, capsys, tmp_path) -> None:
    file = tmp_path / "my.csv"
    file.write_text(text, encoding="utf-8")
    error = refused([file, "--out", tmp_path / "out"], capsys, tmp_path)
    assert error.startswith(str(file)) and message in error


BAD_ARGUMENTS = [
    (["no_such.csv"], "no_such.csv: no such file"),
    (["--model", "wall2d"], "unknown model 'wall2d'; did you mean `wall1d`?"),
    (["--free", "xi,beta"], "`free`: unknown parameter 'beta'"),
    (["--free", "xi,P"], "`alpha` must be free or fixed"),
    (["--fix", "xi"], "`--fix` must be NAME=VALUE,..., got 'xi'"),
    (["--fix", "xi=a"], "`--fix`: `xi` must be a number, got 'a'"),
    (["--fix", "xi=1,xi=2"], "`--fix`: `xi` is given twice"),
    (["--free", "xi,P", "--fix", "alpha=-0.1"], "`alpha` must be >= 0, got -0.1"),
    (["--free", "xi,alpha", "--fix", "P=2"], "`P` must be between -1 and 1, got 2"),
    (["--optimizer", "newton"], "unknown optimizer 'newton'"),
    (["--std", "5"], "`--std` must be above 0 and below 100 %, such as 5%, got '5'"),
    (["--exclude", "2x"], "`--exclude` must be line numbers such as 24,30-32, got '2x'"),
    (["--exclude", "9-2"], "must run from a smaller to a larger line"),
    (["--exclude", "3"], "no row to exclude at line 3"),
    (["--max-steps", "0"], "`max_steps` must be >= 1, got 0"),
    (["--colour"], "--colour"),
    (["--tie", "xi"], "`--tie` must be NAME=VALUE,..., got 'xi'"),
    (["--tie", "xi="], "`--tie` must be NAME=VALUE,..., got 'xi='"),
    (["--tie", "xi=2*alpha,xi=alpha"], "`--tie`: `xi` is given twice"),
    (["--tie", "xi=2*alfa", "--free", "P,alpha"], "unknown parameter 'alfa'; did you mean `alpha`"),
    (["--tie", "xi=alpha^2", "--free", "P,alpha"], "such as 2*alpha, got 'alpha^2'"),
    (["--tie", "xi=2*alpha"], "`xi` follows from 2*alpha"),
    (["--prior", "xi"], "`--prior` must be NAME=VALUE+-STD, such as xi=0.05+-0.02, got 'xi'"),
    (["--prior", "xi=0.1"], "`--prior` must be NAME=VALUE+-STD"),
    (["--prior", "xi=a+-b"], "`--prior` must be NAME=VALUE+-STD"),
    (["--prior", "xi=0.1+-0.1,xi=0.2+-0.1"], "`--prior`: `xi` is given twice"),
    (["--prior", "xi=0.1+-0"], "`priors`: the error of `xi` must be > 0, got 0"),
    (["--prior", "xi=3+-1"], "`priors`: `xi` must be between 0 and 2, got 3"),
    (["--prior", "n0=1e4+-1e3"], "`priors`: `n0` must be fitted to have one"),
    (["--nuisance", "xi"], "`nuisance` must name parameters of the sample that are not free"),
    (["--nuisance", "tau_sf"], "`nuisance` must name parameters of the sample that are not free"),
    (["--nuisance", "thickness"], "`thickness` is the sample's and cannot be fitted"),
    (["--nuisance", "K_perp", "--fix", "K_perp=1e4"], "`K_perp` cannot be both fitted and fixed"),
    (["--loss", "l1"], "`loss` must be one of normal, student, huber, got 'l1'"),
    (["--convention", "ubermag"], "`--convention` must be one of paper, mumax3, oommf, got"),
    (["--convention", "oommf", "--free", "beta,Pol"], "`free`: unknown parameter 'Pol'"),
    (["--free", "P,alpha,Delta"], "`tau_sf` must be free or fixed: xi = hbar/(Delta tau_sf)"),
    (["--free", "xi,P,alpha,Delta", "--fix", "tau_sf=1e-14"], "`xi` follows from hbar/(Delta"),
    (["strip_a", "more"], "more: no such file or embedded data set"),
    (["strip_a", "strip_a"], "`--share` must name what 2 files have in common, got none"),
    (["strip_a", "--share", "alpha"], "`data` must be two sets or more to share parameters, got 1"),
    (["strip_a", "strip_a", "--share", "alpha"], "must have different names, got strip_a twice"),
    (
        ["strip_a", "doppler_nife_80K", "--share", "P", "--profile"],
        "`--profile` must not be given with `--share`",
    ),
    (["strip_a", "doppler_nife_80K", "--share", "beta"], "`share`: unknown parameter 'beta'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments(arguments, message: str, capsys, tmp_path) -> None:
    assert message in refused([*arguments, "--out", tmp_path / "out"], capsys, tmp_path)


def test_output_folder_must_be_writable(capsys, tmp_path, monkeypatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    (tmp_path / "taken" / "fit.png").mkdir(parents=True)
    for folder in (file, file / "below"):
        error = refused(["--out", folder], capsys, tmp_path)
        assert error.startswith("`--out` must be") and str(folder) in error
    assert "must not be a folder" in refused(["--out", tmp_path / "taken"], capsys, tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)  # the superuser may write everywhere
    error = refused(["--out", tmp_path / "new"], capsys, tmp_path)
    assert error.startswith("`--out` must be writable")


def test_fit_writes_both_files_and_prints_the_table(capsys, tmp_path) -> None:
    arguments = ["doppler_nife_340K", *FAST, "--out", str(tmp_path / "a" / "b")]
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert "0.581 +- 0.014" in out and "published P = 0.58" in out and "wrote" in out
    files = sorted(path.name for path in (tmp_path / "a" / "b").iterdir())
    assert files == ["fit.html", "fit.json", "fit.png"]
    read = json.loads((tmp_path / "a" / "b" / "fit.json").read_text(encoding="utf-8"))
    assert read["converged"] is True
    assert (tmp_path / "a" / "b" / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_not_converged_is_exit_code_3_with_the_best_point(capsys, tmp_path) -> None:
    arguments = ["doppler_nife_80K", *FAST, "--max-steps", "1", "--out", str(tmp_path)]
    assert run(arguments) == 3
    out, err = capsys.readouterr()
    assert "not converged" in out and "jaxstt-fit: not converged" in err
    read = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    assert read["converged"] is False and 0 < read["values"]["P"] < 1
    assert read["std"]["P"] is None and (tmp_path / "fit.png").exists()


def test_std_and_exclude(capsys, tmp_path) -> None:
    file = tmp_path / "my.csv"
    rows = [f"drift_velocity,1e11,,{u},{std},m/s\n" for u, std in ((4.0, ""), (8.0, ""), (9, 1))]
    file.write_text("# Ms_A_per_m = 8e5\n" + COLUMNS + "".join(rows), encoding="utf-8")
    arguments = [str(file), *FAST, "--std", "5%", "--exclude", "4-5", "--out", str(tmp_path)]
    assert run(arguments) == 0
    read = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    assert read["data"]["lines"] == [3] and read["data"]["std"] == [pytest.approx(0.2)]
    assert read["std"]["P"] / read["values"]["P"] == pytest.approx(0.05, rel=1e-4)
    assert "(1 row)" in capsys.readouterr().out


def test_template_is_printed_and_loads(capsys, tmp_path) -> None:
    assert run(["--template"]) == 0
    out, err = capsys.readouterr()
    assert out == template() and err == ""
    file = tmp_path / "new.csv"
    file.write_text(out, encoding="utf-8")
    assert len(load_measurements(file)) > 0


def test_help_is_pleasant(capsys) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for option in ("--model", "--free", "--fix", "--optimizer", "--out", "--template", "--std"):
        assert option in out
    assert "computed with OOMMF, not" in " ".join(out.split())


def test_every_option_has_an_example_that_works(tmp_path, monkeypatch) -> None:
    """Each is read as it stands, by the command's own reader and by `fit`'s checks."""
    monkeypatch.chdir(tmp_path)
    seen = {}

    def told(*arguments, **settings):
        seen.update(settings)
        raise InputError("seen")

    monkeypatch.setattr("fitting._cli.fit", told)
    found = typer.main.get_command(_cli.app).params
    options = [p for p in found if isinstance(p, typer.core.TyperOption) and p.name != "help"]
    assert len(options) >= 18
    for option in options:
        text, found, example = option.help.partition("  E.g. ")
        assert text.endswith(".") and found, option.name
        written = (*option.opts, *option.secondary_opts)
        assert any(name.strip() in example for name in written), option.name
        for file in ("mywire.csv", "80K.csv", "300K.csv"):
            example = example.replace(file, "strip_a")
        arguments = example.partition(" >")[0].split()
        assert run(arguments) == (0 if option.name == "show_template" else 2), option.name
    assert seen["model"] == "wall1d" and seen["free"] == ("xi", "P", "alpha")


def test_free_columns_hold_anything(tmp_path, capsys) -> None:
    cells = ((1e11, 5, "n/a"), (2e11, 10, ""), (1e11, 0, "0.58"), (1e11, 5, "nan"))
    rows = "".join(f"drift_velocity,{j},0,{u},1,m/s,{p}\n" for j, u, p in cells)
    path = tmp_path / "free.csv"
    path.write_text(HEADER + COLUMNS.strip() + ",x_P_published\n" + rows)
    assert run([str(path), "--free", "P", "--fix", "xi=0", "--out", str(tmp_path / "o")]) == 0
    assert "published P" not in capsys.readouterr().out


def test_repeated_options_add_up(tmp_path, capsys) -> None:
    options = ("--exclude", "27", "--exclude", "28", "--fix", "xi=0.25", "--fix", "P=0.5")
    assert (
        run(["strip_a", "--free", "alpha", "--no-check", *options, "--out", str(tmp_path / "o")])
        == 0
    )
    assert "(16 rows)" in capsys.readouterr().out


def test_files_that_share_parameters(tmp_path, capsys) -> None:
    """Two temperatures, one P: each file has its report and its folder."""
    sets = ("doppler_nife_80K", "doppler_nife_340K")
    assert run([*sets, "--share", "P", *FAST, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert all(f"Fit of {name}" in out for name in sets)
    assert "fitted together with 1 other set, sharing P" in out
    read = [json.loads((tmp_path / name / "fit.json").read_text()) for name in sets]
    assert read[0]["values"]["P"] == pytest.approx(read[1]["values"]["P"])
    assert 0.581 < read[0]["values"]["P"] < 0.680
    assert (tmp_path / sets[0] / "fit.html").exists()


def test_out_is_no_option(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "got the option" in refused(["strip_a", "--out", "--model"], capsys, tmp_path)
