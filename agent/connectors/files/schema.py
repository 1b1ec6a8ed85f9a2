"""What a folder offers: every kind of file that one names is a schema that can be read and written."""

from __future__ import annotations

from dataclasses import replace

from agent.connectors.files.credentials import FIELDS
from agent.domain.app import Action, ActionKind, App, Schema

GET, POST = "GET", "POST"

PATTERN, FORMAT, ENCODING, DELIMITER, HEADER = "pattern", "format", "encoding", "delimiter", "header"
RECORDS, ID, ORDER, AFTERWARDS, QUIET = "records", "id", "order", "afterwards", "quiet_seconds"
FILE, MODE = "file", "mode"

_SHARED = {
    FORMAT: "csv, jsonl, json, xml or xlsx. Without it, the ending of the file's name tells.",
    ENCODING: "Such as utf-8 or windows-1252. Reading: detected where it is left out. Writing: utf-8.",
    DELIMITER: "What separates the values of a CSV file: , or ; or | or tab. Reading: detected. Writing: a comma.",
    HEADER: "yes or no: whether the first line of a CSV file names the columns (yes). Without names, they are called "
    "column_1, column_2 and so on.",
    RECORDS: "JSON: where the list of records is, such as data.orders. XML: the name of a record's element. Excel: the "
    "name of the sheet. Reading: without it, the outermost list, the elements inside the outermost one, or the first "
    "sheet.",
}

_ACTIONS = (
    Action(
        GET,
        ActionKind.READ,
        description="Reads the records of all files that match and were not read before, each file once.",
        header_filters=False,
        options={
            PATTERN: "Which files: * stands for any signs, ? for one, such as orders-*.csv. Without it, the schema's "
            "name is the pattern.",
            **_SHARED,
            ID: "The column or attribute that identifies a record. Without it, a record is named by its file and its "
            "place in it.",
            ORDER: "name or modified: in which order files are read (name).",
            AFTERWARDS: "keep, archive or delete: what happens to a file once all its records are done (keep). "
            "archive moves it into the folder “archive” beside it.",
            QUIET: "How many seconds nobody must have written to a file before it is read (2).",
        },
    ),
    Action(
        POST,
        ActionKind.WRITE,
        description="Writes records into files that appear whole or not at all.",
        options={
            FILE: "The file's name. {date}, {time} (UTC) and {number} are filled in. Without it, the schema's name "
            "with {number} and the format's ending.",
            MODE: "packet: a new file for each packet. append: all in one file, which grows; CSV and JSON Lines only "
            "(packet).",
            **_SHARED,
        },
    ),
)

TEMPLATE = Schema("", actions=_ACTIONS, open_attributes=True, description="Files of one kind in the folder.")

APP = App(
    id="files",
    name="Files",
    version="1",
    description="Reads and writes CSV, Excel, JSON and XML files in folders, on SFTP servers and in S3 buckets.",
    fields=FIELDS,
    open_schemas=True,
    template=TEMPLATE,
)


def schema(name: str) -> Schema:
    """The schema of that name: which files there are is known when they are used."""
    return replace(TEMPLATE, name=name)
