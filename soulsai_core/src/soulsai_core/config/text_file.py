"""Reads files that people write, in the encodings that their editors and shells save."""

from __future__ import annotations

import codecs
from pathlib import Path

# The mark of UTF-32 begins with that of UTF-16, so it is looked for first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(file: Path) -> str:
    """The text of a file in UTF-8, or in the encoding of its byte-order mark: Windows PowerShell's `>` writes UTF-16.

    Raises OSError, and ValueError with the end of a sentence for other encodings. It does not show what the file holds.
    """
    data = file.read_bytes()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text: save it as UTF-8") from None
    # UTF-16 without its mark has a zero in most pairs of bytes.
    if text.count("\0") > len(text) // 4:
        raise ValueError("it is not text, or it is UTF-16 without a byte-order mark: save it as UTF-8")
    return text.replace("\r\n", "\n")
