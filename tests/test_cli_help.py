"""Help is documentation: every verb says what it does, what each option means, and shows an example."""

import subprocess
import sys

import pytest
import typer

from condgen import cli

ROOT = typer.main.get_command(cli.app)


def commands(group, path=("condgen",)):
    """Every command with its words, groups included."""
    for name, command in group.commands.items():
        yield (*path, name), command
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))


ALL = list(commands(ROOT))


def ids(words):
    return " ".join(words) if isinstance(words, tuple) else ""


def test_the_verbs_of_the_package_are_there():
    verbs = {words[1:] for words, _ in ALL}
    assert {("train",), ("evaluate",), ("doctor",), ("models",), ("models", "show"), ("models", "import")} <= verbs
    assert ("data", "check") in verbs


@pytest.mark.parametrize(("words", "command"), ALL, ids=ids)
def test_verb_and_options_are_explained(words, command):
    assert len(command.help or "") > 20
    unexplained = [parameter.name for parameter in command.params if not getattr(parameter, "help", None)]
    assert unexplained == []


@pytest.mark.parametrize(("words", "command"), ALL, ids=ids)
def test_verb_shows_an_example(words, command):
    """In its text or its epilog: the whole command as one would type it."""
    if hasattr(command, "commands") and not command.invoke_without_command:
        pytest.skip("only its own verbs can be run")
    assert " ".join(words) in f"{command.help} {command.epilog}"


def without_torch(*arguments):
    """Run the command in a process where `import torch` raises ImportError."""
    script = "import sys; sys.modules['torch'] = None; from condgen.cli import main; main()"
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)


def test_help_needs_no_torch():
    done = without_torch("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(words[1] in done.stdout for words, _ in ALL)


def test_help_of_every_verb_needs_no_torch():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from condgen.cli import app\n"
        "for words in sys.argv[1:]:\n"
        "    app([*words.split(), '--help'], standalone_mode=False)\n"
    )
    verbs = [" ".join(words[1:]) for words, _ in ALL]
    done = subprocess.run([sys.executable, "-c", script, *verbs], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Usage:") == len(ALL)


def test_version_and_unknown_verbs():
    assert without_torch("--version").stdout.startswith("condgen ")
    wrong = without_torch("upscal")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
