"""The start of a job's process: ``python -m lifecycle.job_start <module>`` runs a module of a job.

It lowers the priority first. The module would do so after its imports, which take a tenth of a
reload; and threads that a library starts when it is imported would keep the usual priority.
"""

from __future__ import annotations

import os
import sys
from runpy import run_module

from lifecycle.priority import yield_session_to_workers

if __name__ == "__main__":
    yield_session_to_workers()
    # the table library would use every core at once, and requests would find none free
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    run_module(sys.argv[1], run_name="__main__", alter_sys=True)
