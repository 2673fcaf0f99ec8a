"""The process that executes jobs, composed from the settings: ``python -m app.runner``.

A server starts one beside its workers (`app.bentoml_compat.supervisor`); `mlrf work` starts one
alone. A server may start it before its database can be reached, or while another runner works on
the same artifacts: it waits.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from types import FrameType

from pydantic import ValidationError

from app.jobs import EndedJobs, note_job_end, report_end
from config.settings import Settings, describe_faults, get_log_settings, get_settings
from lifecycle.exports import ExportFiles, ExportRules, note_export_end, sweep_exports
from lifecycle.job_queue import JobQueue
from lifecycle.jobs import Job
from lifecycle.monitoring.requests import ScoringRequester
from lifecycle.runner import Runner
from lifecycle.sources import Sources
from lifecycle.uploads import Uploads
from storage.database import open_database
from storage.exports import ExportStore
from telemetry.logs import configure_logging, refusals_logged


def main() -> None:
    """Execute jobs until SIGTERM or SIGINT.

    Raises:
        SystemExit: a setting is wrong.
    """
    with refusals_logged(get_log_settings().log_format):
        settings, data = _read_settings()
    configure_logging(settings.log_level, settings.log_format)
    url = settings.database_url.get_secret_value()
    uploads = Uploads(Sources(data))
    database, queue = open_database(url), JobQueue(url)
    scoring = ScoringRequester(settings.store, database)
    exports = ExportStore(database)
    files = ExportFiles(settings.store, settings.exports_url)
    rules = ExportRules(
        url=settings.exports_url,
        days=settings.exports_days,
        max_bytes=settings.exports_max_bytes,
    )
    ended = EndedJobs(url)

    def note_end(job: Job) -> None:
        report_end(job)
        note_job_end(settings.store, job)
        note_export_end(exports, job, rules.lifetime)
        ended.publish([job])

    def tidy_up(running: Collection[str]) -> None:
        uploads.sweep(running)
        sweep_exports(exports, files, queue, running)
        ended.publish_again()

    runner = Runner(
        url,
        settings.store,
        data,
        margins=settings.gate_margins,
        outliers=settings.outliers,
        adapt_intervals=settings.adapts_intervals,
        exports=rules,
        on_end=note_end,
        on_beat=scoring.request_if_changed,
        on_sweep=tidy_up,
    )

    def stop(number: int, frame: FrameType | None) -> None:
        runner.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    runner.run()
    sys.stderr.flush()
    os._exit(0)  # threads of the queue's library would wait for jobs that the next runner executes


def _read_settings() -> tuple[Settings, Path]:
    """Return the settings, and the folder of tables among them."""
    try:
        settings = get_settings()
    except ValidationError as wrong:
        raise SystemExit(f"mlrf: {describe_faults(wrong)}") from None
    if settings.data_dir is None:
        raise SystemExit("mlrf: DATA_DIR: is needed, the folder below which jobs read tables")
    return settings, settings.data_dir


if __name__ == "__main__":
    main()
