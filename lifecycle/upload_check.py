"""The process of a check of uploaded tables, which makes them a source if they are right."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from features.data.reading.layout import DateOrder, DecimalMark, Delimiter, TableLayout
from lifecycle.job_task import Task, run_task
from lifecycle.jobs import Document
from lifecycle.screening import screening_of
from lifecycle.sources import Sources
from lifecycle.table_check import check_folder
from lifecycle.uploads import Uploads


class UploadRequest(BaseModel):
    """Request of a check.

    Attributes:
        source: name of the upload.
        dry_run: whether correct tables stay an upload.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    dry_run: bool = False
    delimiter: Delimiter = Delimiter.COMMA
    decimal: DecimalMark = DecimalMark.POINT
    dates: DateOrder = DateOrder.YMD


def check_upload(task: Task) -> Document:
    """Check the tables of an upload, and make them a source if they are right and are to be."""
    request = UploadRequest.model_validate(task.order.request)
    uploads = Uploads(Sources(task.order.data))
    layout = TableLayout(delimiter=request.delimiter, decimal=request.decimal, dates=request.dates)
    with uploads.checking(request.source, task.order.job) as folder:
        task.enter("checking the tables")
        screening = screening_of(task.order.store, task.order.outliers)
        _, result = check_folder(folder, layout, screening, task.order.memory)
        published = result["usable"] and not request.dry_run
        if published:
            task.commit()
            uploads.publish(folder, request.source, by=task.order.by)
    return {**result, "published": published}


if __name__ == "__main__":
    run_task(check_upload)
