"""Test processes run side by side, so each computes in one thread: threads of several would wait for one another."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; programs that tests start have it too
