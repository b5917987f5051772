"""The file runner, with text files: it must not care what is in them."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from condgen.cli import _files
from condgen.errors import UserError

ENDINGS = _files.Endings(readable={".txt", ".old"}, writable={".txt"}, fallback=".txt")


def shout(source: Path, target: Path) -> None:
    """The work: capitals. What the file says can go wrong, does."""
    text = source.read_text()
    match text:
        case "bad":
            raise UserError(f"{source}: is bad; mend it")
        case "large":
            raise MemoryError
        case "full":
            raise OSError(errno.ENOSPC, "No space left on device", str(target))
        case "bug":
            raise ZeroDivisionError("division\nby zero")
    target.write_text(text.upper())


def run(inputs, output, *, work=shout, **options) -> int:
    """Exit code."""
    try:
        _files.run([str(one) for one in inputs], str(output), lambda: work, ENDINGS, **options)
    except typer.Exit as stop:
        return stop.exit_code
    return 0


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    """in/a.txt, in/deep/er/b.old, in/deep/er/c.TXT, and files that are none of ours."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "deep/er/b.old", "deep/er/c.TXT", "deep/other.bin", ".hidden.txt", ".cache/x.txt"):
        path = Path("in", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return Path("in")


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_keeps_its_tree(tree, capsys):
    assert run([tree], "out/new") == 0
    assert written(Path("out/new")) == {"a.txt", "deep/er/b.txt", "deep/er/c.TXT"}
    assert Path("out/new/deep/er/b.txt").read_text() == "DEEP/ER/B.OLD"
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"[1/3] {Path('in/a.txt')} -> {Path('out/new/a.txt')} (")
    assert lines[-1] == "3 done, 0 skipped (already there), 0 failed"


@pytest.mark.parametrize(
    ("output", "made"), [("x.txt", "x.txt"), ("new/x.txt", "new/x.txt"), ("new", "new/a.txt"), ("v.1/", "v.1/a.txt")]
)
def test_one_file_to_a_file_or_a_folder(tree, output, made):
    assert run([tree / "a.txt"], output) == 0
    assert Path(made).read_text() == "A.TXT"


def test_patterns_and_files_land_side_by_side_and_once(tree):
    assert run(["in/**/*.old", tree / "a.txt", "in/a.txt"], "out") == 0
    assert written(Path("out")) == {"a.txt", "b.txt"}


def test_a_name_with_brackets_is_that_file(tree):
    Path("in/a[1].txt").write_text("brackets")
    assert run(["in/a[1].txt"], "out") == 0
    assert written(Path("out")) == {"a[1].txt"}


def test_what_goes_wrong_is_a_line_each_and_the_rest_is_done(tree, capsys):
    for name in ("bad", "large", "full", "bug"):
        (tree / f"{name}.txt").write_text(name)
    assert run([tree, "none.txt", "none*.txt"], "out") == 1
    assert written(Path("out")) == {"a.txt", "deep/er/b.txt", "deep/er/c.TXT"}
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if not line.startswith("[")]
    assert sorted(lines[:-1]) == sorted(
        [
            "in/bad.txt: is bad; mend it",
            "in/large.txt: not enough memory; close other programs, or give a smaller file",
            "out/full.txt: No space left on device; check the path and its permissions",
            "in/bug.txt: unexpected ZeroDivisionError: division by zero; "
            "set CONDGEN_DEBUG=1 to see where, and report it",
            "none.txt: there is no such file; check the spelling",
            "none*.txt: there is no such file; check the spelling",
        ]
    )
    assert lines[-1] == "3 done, 0 skipped (already there), 6 failed"
    assert "Traceback" not in error


def test_debugging_shows_where(tree, capsys, monkeypatch):
    monkeypatch.setenv("CONDGEN_DEBUG", "1")
    (tree / "a.txt").write_text("bug")
    assert run([tree / "a.txt"], "out") == 1
    assert "in shout" in capsys.readouterr().err


def test_skip_existing_does_the_missing_only(tree, capsys):
    Path("out").mkdir()
    Path("out/a.txt").write_text("kept")
    assert run([tree], "out", skip_existing=True) == 0
    assert Path("out/a.txt").read_text() == "kept"
    assert "2 done, 1 skipped (already there), 0 failed" in capsys.readouterr().err
    assert run([tree], "out") == 0
    assert Path("out/a.txt").read_text() == "A.TXT"


def test_nothing_is_loaded_when_nothing_is_to_do(tree):
    def prepare():
        raise AssertionError("loaded in vain")

    assert run(["in/a.txt"], "in/deep/new.txt") == 0
    _files.run(["in/a.txt"], "in/deep/new.txt", prepare, ENDINGS, skip_existing=True)
    with pytest.raises(typer.Exit):
        _files.run(["in/missing.txt"], "out", prepare, ENDINGS)


def test_a_model_that_cannot_be_loaded_stops_all(tree):
    def prepare():
        raise UserError("there is no model x")

    with pytest.raises(UserError, match="no model x"):
        _files.run(["in"], "out", prepare, ENDINGS)


@pytest.mark.parametrize("output", ["in/a.txt", "in", "in/../in", "link"])
def test_an_input_is_never_replaced(tree, output, capsys):
    os.symlink("in", "link")
    assert run([tree / "a.txt"], output) == 1
    assert (tree / "a.txt").read_text() == "a.txt"
    assert "is an input; choose another -o" in capsys.readouterr().err


def test_an_input_is_not_replaced_by_what_is_made_of_another(tree, capsys):
    (tree / "a.old").write_text("other")
    assert run([tree / "a.old", tree / "a.txt"], "in") == 1
    assert (tree / "a.txt").read_text() == "a.txt"
    assert capsys.readouterr().err.count("is an input") == 2


def test_two_inputs_for_one_output(tree, capsys):
    (tree / "a.old").write_text("other")
    assert run([tree / "a.old", tree / "a.txt"], "out") == 1
    assert Path("out/a.txt").read_text() == "OTHER"
    assert "in/a.txt: out/a.txt is already made from in/a.old" in capsys.readouterr().err


def test_results_inside_the_input_folder_are_not_read_again(tree):
    for _ in range(2):
        assert run([tree], tree / "made") == 0
    assert written(tree / "made") == {"a.txt", "deep/er/b.txt", "deep/er/c.TXT"}
    (tree / "made" / "a.txt").write_text("back")
    assert run([tree / "made"], tree) == 0  # the other way round nothing is left out
    assert (tree / "a.txt").read_text() == "BACK"


@pytest.mark.parametrize(
    ("inputs", "output", "words"),
    [
        (["in/a.txt"], "x.doc", "the ending must be one of .txt"),
        (["in"], "x.txt", "several inputs need a folder"),
        (["in/a.txt", "in/deep"], "x.txt", "several inputs need a folder"),
        (["in/*.txt"], "x.txt", "several inputs need a folder"),
        (["in/a.txt"], "in/a.txt/below/x.txt", "in/a.txt is no folder"),
        (["in"], "in/a.txt/below", "in/a.txt is no folder"),
        (["-", "in/a.txt"], "out", "a single input"),
    ],
)
def test_impossible_outputs_are_said_before_any_work(tree, inputs, output, words):
    with pytest.raises(UserError, match=words):
        _files.run(inputs, output, lambda: pytest.fail("loaded"), ENDINGS)
    assert written(Path.cwd()) == {f"in/{name}" for name in written(tree)}


def test_an_empty_folder_is_said(tree, capsys):
    Path("empty").mkdir()
    assert run(["empty"], "out") == 1
    assert "empty: the folder holds no .old .txt; check the path" in capsys.readouterr().err


class Standard(SimpleNamespace):
    """stdin or stdout as bytes."""

    def isatty(self) -> bool:
        return False


def pipes(monkeypatch, content: bytes = b"words") -> io.BytesIO:
    """Stdin with this content; returns what stdout gets. Called inside the test: pytest resets stdout before it."""
    monkeypatch.setattr(sys, "stdin", Standard(buffer=io.BytesIO(content)))
    monkeypatch.setattr(sys, "stdout", Standard(buffer=io.BytesIO()))
    return sys.stdout.buffer


def test_stdin_to_stdout(tree, monkeypatch):
    stdout = pipes(monkeypatch)
    assert run(["-"], "-") == 0
    assert stdout.getvalue() == b"WORDS"


def test_stdin_to_a_file_a_folder_and_a_file_to_stdout(tree, monkeypatch):
    stdout = pipes(monkeypatch)
    assert run(["-"], "new/x.txt") == 0
    assert Path("new/x.txt").read_text() == "WORDS"
    sys.stdin.buffer.seek(0)
    assert run(["-"], "new") == 0
    assert Path("new/stdin.txt").read_text() == "WORDS"
    assert run(["in/a.txt"], "-") == 0
    assert stdout.getvalue() == b"A.TXT"


def test_bad_stdin_is_one_line_and_no_output(tree, monkeypatch, capsys):
    stdout = pipes(monkeypatch, b"bad")
    assert run(["-"], "-") == 1
    assert capsys.readouterr().err == "stdin: is bad; mend it\n"
    assert stdout.getvalue() == b""


def test_bytes_are_not_thrown_at_a_terminal(tree, monkeypatch):
    pipes(monkeypatch)
    monkeypatch.setattr(Standard, "isatty", lambda self: True)
    with pytest.raises(UserError, match="redirect it"):
        run(["in/a.txt"], "-")
