"""Decoding check of text files: UTF-8 without a byte order mark, or a finding."""

from __future__ import annotations

import codecs

from features.data.findings import Finding, Report, Severity

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ADVICE = "save the file as UTF-8 (in Excel: CSV UTF-8)"


def check_utf8(data: bytes, file: str, report: Report) -> bytes | None:
    """Return the text as UTF-8 without byte order mark; None if it is not UTF-8 (reported)."""
    if data.startswith(_UTF16):
        _report_refusal(report, file, "cannot be read: it is UTF-16, and UTF-8 is expected")
        return None
    if b"\0" in data:
        row = _find_row(data, data.index(b"\0"))
        _report_refusal(report, file, f"cannot be read: row {row} holds a NUL byte, as UTF-16 does")
        return None
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        report.add(Finding(Severity.ERROR, "no-rows", file, "is empty"))
        return None
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            _report_refusal(report, file, _describe_bad_byte(data, error))
            return None
    return data


def _report_refusal(report: Report, file: str, message: str) -> None:
    report.add(Finding(Severity.ERROR, "encoding", file, message, advice=_ADVICE))


def _describe_bad_byte(data: bytes, error: UnicodeDecodeError) -> str:
    """Describe the first byte that is not UTF-8, with the word around it read as Latin-1."""
    first = max(data.rfind(end, 0, error.start) for end in (b"\n", b",", b";", b"\t")) + 1
    word = data[first : error.start + 20].splitlines()[0].decode("cp1252", errors="replace")
    word = word.split(",")[0].split(";")[0].strip()[:40]
    return (
        f"cannot be read as UTF-8: row {_find_row(data, error.start)} holds the byte "
        f"0x{data[error.start]:02X}, which Latin-1 would show as {word!r}"
    )


def _find_row(data: bytes, position: int) -> int:
    """Return the number of the line that a byte is in."""
    before = data[:position]
    crlf = before.count(b"\r\n")
    return before.count(b"\n") + before.count(b"\r") - crlf + 1
