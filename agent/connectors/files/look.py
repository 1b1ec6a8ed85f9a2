"""What a file looks like from its beginning: its encoding, and for CSV what separates the values."""

from __future__ import annotations

import codecs
import csv
from dataclasses import dataclass

from charset_normalizer import from_bytes

from agent.connectors.files.failures import malformed
from agent.connectors.files.folder import Folder
from agent.connectors.files.options import Format, Layout

_SAMPLE = 1 << 18
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}


@dataclass(frozen=True, slots=True)
class Look:
    """How one file is to be read. `given` tells whether the node itself named the encoding.

    `old_lines` means that lines end with a lone carriage return.
    """

    name: str
    format: Format
    encoding: str
    given: bool
    delimiter: str
    header: bool
    records: str
    old_lines: bool = False

    @property
    def by_bytes(self) -> bool:
        """Whether a line feed is one byte, and is that byte only: then reading can go on at any line."""
        return not self.old_lines and not self.encoding.startswith(("utf-16", "utf-32", "utf_16", "utf_32"))

    def words(self) -> str:
        """For people: what was found."""
        if self.format is Format.XLSX:
            return f"Excel, the sheet “{self.records}”" if self.records else "Excel, the first sheet"
        if self.format is Format.CSV:
            return f"CSV in {self.encoding}, values separated by {_NAMES.get(self.delimiter, self.delimiter)}"
        return f"{self.format.value} in {self.encoding}"


def look_at(folder: Folder, name: str, layout: Layout) -> Look:
    """Look at the beginning of a file.

    Raises:
        ConfigurationError: the format is not known, or it is no text.
    """
    found = layout.format_of(name)
    if found is Format.XLSX:
        return Look(name, found, "utf-8", given=True, delimiter="", header=layout.header, records=layout.records)
    with folder.open(name) as file:
        sample = file.read(_SAMPLE)
    marked = next((encoding for mark, encoding in _MARKS if sample.startswith(mark)), "")
    encoding = layout.encoding or marked or _guessed(name, sample, found)
    if layout.encoding in ("utf-8", "utf_8") and marked == "utf-8-sig":
        encoding = marked
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(sample)
    if "\x00" in text:
        raise malformed(name, 0, "it is no text, or in another encoding", _ENCODING_REMEDY)
    return Look(
        name=name,
        format=found,
        encoding=encoding,
        given=bool(layout.encoding),
        delimiter=layout.delimiter or (separator(text) if found is Format.CSV else ""),
        header=layout.header,
        records=layout.records,
        old_lines="\r" in text and "\n" not in text,
    )


_ENCODING_REMEDY = "Set the option encoding of the GET node to the file's encoding, or take the file out of the folder."


def _guessed(name: str, sample: bytes, found: Format) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    if found in (Format.JSON, Format.JSON_LINES):
        return "utf-8"  # RFC 8259, section 8.1: it has to be
    best = from_bytes(sample[:65_536]).best()
    if best is None:
        raise malformed(name, 0, "its encoding cannot be told", _ENCODING_REMEDY)
    # Windows' extension of Latin-1 has the euro sign and typographic quotes where Latin-1 has controls nobody uses.
    return {"latin_1": "cp1252", "iso8859_1": "cp1252", "ascii": "utf-8"}.get(best.encoding, best.encoding)


def separator(text: str) -> str:
    """What separates the values: that which cuts the first lines into the same number of values, the more the better.

    A comma where nothing does.
    """
    lines = text.splitlines()[:50]
    if len(text) >= _SAMPLE and len(lines) > 1:
        lines.pop()
    best, best_score = ",", (0.0, 1)
    for candidate in _NAMES:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=candidate) if row]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
        if score > best_score:
            best, best_score = candidate, score
    return best
