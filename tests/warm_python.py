"""A Python interpreter that has already imported what takes seconds.

Each call runs in a fork of its own, with the caller's arguments, folder, environment, streams and exit code. Recipes
start condgen dozens of times; most of the time that their tests took was importing torch.
"""

from __future__ import annotations

import array
import atexit
import gc
import json
import os
import runpy
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import traceback
from functools import cache
from pathlib import Path

STREAMS = 3  # stdin, stdout, stderr
LENGTH = struct.Struct("!I")  # of what follows

_CLIENT = """#!{python} -IS
import array, json, os, socket, struct, sys
with socket.socket(socket.AF_UNIX) as call:
    call.connect({address!r})
    told = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    streams = array.array("i", [0, 1, 2])
    call.sendmsg([struct.pack("!I", len(told))], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)])
    call.sendall(told)
    code = call.recv(1)
sys.exit(code[0] if code else 1)
"""


@cache
def interpreter() -> str:
    """An executable to call in place of python, until these tests end."""
    folder = Path(tempfile.mkdtemp())  # whose name is short, as that of a socket must be
    address, client = folder / "calls", folder / "python"
    client.write_text(_CLIENT.format(python=sys.executable, address=str(address)))
    client.chmod(0o755)
    server = subprocess.Popen([sys.executable, __file__, str(address)], stdout=subprocess.PIPE, text=True)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.kill)
    assert server.stdout.readline() == "ready\n"
    return str(client)


def serve(address: Path) -> None:
    """Answer calls until the process is ended."""
    import lightning_fabric  # noqa: F401
    import torch  # noqa: F401

    import condgen.cli
    import condgen.training  # noqa: F401

    gc.freeze()  # else the first collection of a fork would copy every page
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen()
        print("ready", flush=True)
        while True:
            call, _ = listening.accept()
            if os.fork():
                call.close()
                _bury_the_dead()
                continue
            listening.close()
            _answer(call)
            return


def _answer(call: socket.socket) -> None:
    """In a fork: a second one does what is asked, and this one waits for its exit code."""
    head, rights, *_ = call.recvmsg(LENGTH.size, socket.CMSG_SPACE(STREAMS * 4))
    streams = array.array("i", rights[0][2][: STREAMS * 4])
    told = call.makefile("rb").read(LENGTH.unpack(head)[0])
    working = os.fork()
    if working:
        _, status = os.waitpid(working, 0)
        call.sendall(bytes([os.waitstatus_to_exitcode(status) & 255]))
        os._exit(0)
    call.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    arguments, folder, environment = json.loads(told)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    _leave(_exit_code(arguments))


def _exit_code(arguments: list[str]) -> int:
    try:
        _run(arguments)
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print(leaving.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _leave(code: int) -> None:
    """As an interpreter does, but for taking apart all that is imported: seconds, as each page must be copied."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(arguments: list[str]) -> None:
    """As `python ARGUMENTS` does: -m MODULE, -c TEXT, - for a program on standard input, or a file."""
    first, *rest = arguments
    sys.argv = arguments
    if first == "-m":
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first in ("-c", "-"):
        if first == "-c":
            sys.argv = ["-c", *rest[1:]]
        program = rest[0] if first == "-c" else sys.stdin.read()
        exec(compile(program, f"<{first}>", "exec"), {"__name__": "__main__"})
    else:
        sys.path.insert(0, str(Path(first).resolve().parent))
        runpy.run_path(first, run_name="__main__")


def _bury_the_dead() -> None:
    """Take the exit codes of forks that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
