"""Two gloo processes give the gradients of one process on the joined batch, penalties included."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
import torch
import two_processes


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What each of two processes under torchrun found."""
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    launch = ["-m", "torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"]
    command = [sys.executable, *launch, two_processes.__file__, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return [torch.load(folder / f"rank{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("penalty", two_processes.PENALTIES)
def test_two_processes_equal_one(both, penalty, tmp_path):
    one = two_processes.play(tmp_path, penalty)
    for rank in both:
        for name, value in rank[penalty].items():
            torch.testing.assert_close(value, one[name], atol=2e-5, rtol=2e-4)
    torch.testing.assert_close(both[0][penalty], both[1][penalty], rtol=0, atol=0)
