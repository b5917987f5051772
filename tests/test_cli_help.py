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


COMMANDS = {" ".join(words): command for words, command in commands(ROOT)}
RUNNABLE = [
    words for words, command in COMMANDS.items() if not hasattr(command, "commands") or command.invoke_without_command
]


def test_the_verbs_of_the_package_are_there():
    verbs = {"train", "evaluate", "data check", "models", "models list", "models show", "models import", "doctor"}
    assert {f"condgen {verb}" for verb in verbs} <= COMMANDS.keys()


@pytest.mark.parametrize("words", COMMANDS)
def test_verb_and_options_are_explained(words):
    command = COMMANDS[words]
    assert len(command.help or "") > 20
    assert [parameter.name for parameter in command.params if not getattr(parameter, "help", None)] == []


@pytest.mark.parametrize("words", RUNNABLE)
def test_verb_shows_an_example(words):
    """In its text or its epilog: the whole command as one would type it."""
    assert words in f"{COMMANDS[words].help} {COMMANDS[words].epilog}"


def without_torch(*arguments):
    """Run the command in a process where `import torch` raises ImportError."""
    script = "import sys; sys.modules['torch'] = None; from condgen.cli import main; main()"
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)


def test_help_needs_no_torch():
    done = without_torch("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(words.split()[1] in done.stdout for words in COMMANDS)


def test_help_of_every_verb_needs_no_torch():
    script = (
        "import sys; sys.modules['torch'] = None\n"
        "from condgen.cli import app\n"
        "for words in sys.argv[1:]:\n"
        "    app([*words.split(), '--help'], standalone_mode=False)\n"
    )
    verbs = [words.partition(" ")[2] for words in COMMANDS]
    done = subprocess.run([sys.executable, "-c", script, *verbs], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Usage:") == len(COMMANDS)


def test_version_and_unknown_verbs():
    assert without_torch("--version").stdout.startswith("condgen ")
    wrong = without_torch("upscal")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr
