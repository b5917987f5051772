"""Test processes run side by side, so each computes in one thread: threads of several would wait for one another.

What tests keep, they keep in a cache of their own: not the user's.
"""

import atexit
import os
import shutil
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported; programs that tests start have it too
if "PYTEST_XDIST_WORKER" not in os.environ:  # workers share the folder of the process that started them
    os.environ["CONDGEN_CACHE"] = tempfile.mkdtemp(prefix="condgen-tests-")
    atexit.register(shutil.rmtree, os.environ["CONDGEN_CACHE"], ignore_errors=True)
