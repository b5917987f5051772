"""Data flows one way: read from the import statements of every file, and enforced."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from condgen import tasks

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "condgen"
FILES = sorted(PACKAGE.rglob("*.py"))
PYTHON = sorted(
    path for folder in (PACKAGE, ROOT / "tests", ROOT / "tools", ROOT / "data_prep") for path in folder.rglob("*.py")
)
LONGEST_FILE = 330

LOOK_UP_TASKS_BY_NAME = {"__init__.py", "config.py", "training.py", "finetuning.py", "runtime/model_folder.py"}
"""The files outside of `tasks` and `cli` that may import `condgen.tasks`."""

SHARED = {"condgen.tasks", "condgen.tasks.verb_options"}
"""What of `condgen.tasks` is no task."""

MODALITIES = r"(?i)image|audio|video|photo|waveform|sentence|speech|pixel"
TRAINER = "condgen.adversarial.trainer"


def name_of(path):
    """condgen/tasks/srgan/data.py -> condgen.tasks.srgan.data; a package's __init__.py has the package's name."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in FILES}


def imports(path):
    """All modules of this package that a file imports, at its top or inside functions, with the line of each."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    resolved = ((module if module in MODULES else module.rpartition(".")[0], line) for module, line in found)
    return [(module, line) for module, line in resolved if module in MODULES]


def reachable(module):
    """Everything that a module imports, directly or not."""
    seen, waiting = set(), [module]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += [imported for imported, _ in imports(MODULES[current])]
    return seen


def offences(paths, forbidden):
    return [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in paths
        for module, line in imports(path)
        if forbidden(path, module)
    ]


def is_below(module, package):
    return module == package or module.startswith(f"{package}.")


def relative(path):
    return path.relative_to(PACKAGE).as_posix()


def test_the_reader_sees_imports_of_every_form(tmp_path):
    file = tmp_path / "example.py"
    file.write_text(
        "import condgen.config\ndef f():\n    from condgen import tasks\n    from condgen.tasks import part\n"
    )
    assert imports(file) == [("condgen.config", 1), ("condgen.tasks", 3), ("condgen.tasks", 4)]
    assert TRAINER in reachable("condgen.training")


def test_only_named_files_know_of_tasks():
    outside = [path for path in FILES if not relative(path).startswith(("tasks/", "cli/"))]
    others = [path for path in outside if relative(path) not in LOOK_UP_TASKS_BY_NAME]
    assert offences(others, lambda _, module: is_below(module, "condgen.tasks")) == []
    looking_up = [path for path in outside if relative(path) in LOOK_UP_TASKS_BY_NAME - {"__init__.py"}]
    assert offences(looking_up, lambda _, module: is_below(module, "condgen.tasks") and module != "condgen.tasks") == []


def test_commands_find_tasks_by_name():
    commands = [path for path in FILES if relative(path).startswith("cli/")]
    assert offences(commands, lambda _, module: is_below(module, "condgen.tasks") and module not in SHARED) == []


def test_nothing_below_imports_commands_or_the_run():
    below = [path for path in FILES if not relative(path).startswith("cli/") and relative(path) != "__main__.py"]
    assert offences(below, lambda path, module: is_below(module, "condgen.cli") and path.name != "verb.py") == []
    runs = [path for path in below if relative(path) != "finetuning.py"]  # which is a run with something around it
    assert offences(runs, lambda _, module: module == "condgen.training") == []


def test_no_task_imports_another():
    def of_another(path, module):
        mine = f"condgen.tasks.{path.relative_to(PACKAGE / 'tasks').parts[0]}"
        return is_below(module, "condgen.tasks") and module not in SHARED and not is_below(module, mine)

    inside = [path for path in FILES if relative(path).startswith("tasks/") and path.parent != PACKAGE / "tasks"]
    assert offences(inside, of_another) == []


@pytest.mark.parametrize("task", tasks.names())
def test_pipelines_do_without_the_trainer(task):
    assert reachable(f"condgen.tasks.{task}.pipeline").isdisjoint({TRAINER, "condgen.training"})


@pytest.mark.parametrize("task", tasks.names())
def test_tasks_do_without_the_trainer(task):
    assert reachable(f"condgen.tasks.{task}.task").isdisjoint({TRAINER, "condgen.training", "condgen.runtime.engine"})


def test_trainer_names_no_modality_and_no_task():
    text = MODULES[TRAINER].read_text(encoding="utf-8")
    assert re.findall(MODALITIES, text) == []
    assert [task for task in tasks.names() if task in text] == []


def test_only_the_trainer_steps():
    """Backward passes and optimizer steps live in one file, so that every task has accumulation, ranks and resume."""
    calls = [
        f"{relative(path)}:{node.lineno} .{node.func.attr}()"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("backward", "step")
    ]
    trainer = relative(MODULES[TRAINER])
    assert {call.partition(":")[0] for call in calls} == {trainer}, calls


@pytest.mark.parametrize("module", ["condgen", "condgen.cli", "condgen.tasks", "condgen.config"])
def test_import_is_light(module):
    heavy = ("torch", "torchvision", "torchaudio", "torchmetrics", "lightning_fabric", "tensorboard", "huggingface_hub")
    script = f"import sys, {module}; print(*[name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == []


def test_files_are_short():
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in PYTHON}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_file_names_are_nouns_of_the_field():
    vague = {"utils", "util", "misc", "common", "helpers", "core"}
    assert [relative(path) for path in FILES if vague & {path.stem, path.parent.name}] == []


def test_no_file_names_a_package_registry():
    """Where packages come from is the user's business: pip's configuration says it."""
    names = ("py" + r"pi\.org", "python" + r"hosted\.org", "ana" + r"conda\.org", r"--(extra-)?index-url")
    hosts = re.compile("|".join(names))
    endings = {".py", ".md", ".toml", ".yaml", ".sh", ".txt", ".cfg"}
    places = ("condgen", "tests", "tools", "data_prep", "recipes")
    texts = [path for place in places for path in (ROOT / place).rglob("*") if path.suffix in endings]
    texts += [*ROOT.glob("*.md"), *ROOT.glob("*.toml"), ROOT / ".ci" / "run"]
    assert [path for path in texts if hosts.search(path.read_text(encoding="utf-8"))] == []
