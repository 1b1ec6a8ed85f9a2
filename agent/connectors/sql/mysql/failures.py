"""What the errors of MariaDB and MySQL mean, by their numbers. Names of columns and rules are taken from their texts,
and nothing else, for they quote data; what a trigger or a procedure said on purpose is shown: that is its purpose."""

from __future__ import annotations

import re
import ssl
from typing import Any

import pymysql

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Fault
from agent.connectors.sql.fields import CA_FILE, DATABASE, HOST, PASSWORD, TLS, TLS_VERIFIED, USERNAME
from agent.connectors.sql.tables import Load, Refusal, UnfitError
from agent.connectors.sql.triggers import trigger_refusal
from agent.domain.errors import AgentError, ConfigurationError, CredentialsError, TransientError

# Numbers: https://mariadb.com/kb/en/mariadb-error-codes/ and MySQL's Server Error Reference.
_RECORD = (
    1048, 1062, 1169, 1264, 1265, 1292, 1364, 1365, 1366, 1367, 1406, 1411, 1416, 1451, 1452, 1586, 1644, 1690, 1761,
    1216, 1217, 1153, 1301, 3140, 3141, 3155, 3156, 3730, 3819, 4025, 1525, 4078, 1918, 1977, 1771,
)  # fmt: skip
_FAULTS = {
    **dict.fromkeys(_RECORD, Fault.RECORD),
    **dict.fromkeys((1205, 1213, 1040, 1203, 1206, 1020, 1614, 1015, 1099, 1223, 1226, 1689, 3572), Fault.BUSY),
    **dict.fromkeys(
        (0, 1053, 1077, 1079, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2014, 2027, 2055), Fault.LOST
    ),
    **dict.fromkeys((3, 1021, 1114, 1041, 1037, 1038), Fault.FULL),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1290, 1370, 1792, 1836, 1345), Fault.DENIED),
    **dict.fromkeys((1054, 1146, 1050, 1060, 1412, 1051, 1091, 1615, 1305, 1356, 1449), Fault.CHANGED),
    **dict.fromkeys((1317, 1969, 3024, 1028), Fault.STOPPED),
    **dict.fromkeys((1030, 1034, 1035, 1194, 1195, 1712, 1877), Fault.DAMAGED),
}
_NAMED = re.compile(r"(?:[Cc]olumn|Field) '?(?P<name>(?:`[^`]*`\.)*`?[^'`]*`?)'?")
_KEYED = re.compile(r"for key '(?P<key>[^']*)'\Z")
_RULE = re.compile(r"(?:CONSTRAINT `(?P<mariadb>[^`]+)` failed|Check constraint '(?P<mysql>[^']+)' is violated)")
_SAVEPOINT = re.compile(r"SAVEPOINT opagent_\w+ does not exist")


def number(error: BaseException) -> int | None:
    """The number of a driver's error, None of anything else."""
    first = error.args[0] if isinstance(error, pymysql.Error) and error.args else None
    return first if isinstance(first, int) else None


def fault(error: BaseException) -> Fault:
    """What an error means."""
    if isinstance(error, UnfitError | OverflowError | UnicodeEncodeError):
        return Fault.RECORD
    if not isinstance(error, pymysql.Error):
        return Fault.LOST if isinstance(error, OSError) else Fault.OTHER
    found = number(error)
    if found is None:
        return (
            Fault.LOST if isinstance(error, pymysql.err.InterfaceError | pymysql.err.OperationalError) else Fault.OTHER
        )
    if found == 1305 and _SAVEPOINT.search(str(error.args[-1])):
        return Fault.OTHER
    if found in _FAULTS:
        return _FAULTS[found]
    if isinstance(error, pymysql.err.IntegrityError | pymysql.err.DataError):
        return Fault.RECORD
    return Fault.STATEMENT if isinstance(error, pymysql.err.ProgrammingError | pymysql.err.NotSupportedError) else (
        Fault.STATEMENT if 1000 <= found < 2000 else Fault.OTHER
    )  # fmt: skip


def code(error: BaseException) -> str:
    """The number of the error."""
    found = number(error)
    return f"error {found}" if found is not None else type(error).__name__


def refusal(error: BaseException, load: Load) -> Refusal:  # noqa: PLR0911 - one kind of error after another
    """Why a row was refused."""
    if isinstance(error, UnfitError):
        return Refusal("value-unfit", error.message, error.remedy)
    table, found = load.table.name, number(error)
    text = str(error.args[-1]) if error.args else ""
    column = _column(load, text)
    where = f"{table}.{column}" if column else f"the table {table}"
    declared = next((one.declared for one in load.columns if one.name == column), "")
    its = f" its type {declared}" if declared else " its column"
    if found == 1644:
        return trigger_refusal(table, text)
    if found in (1048, 1364):
        return Refusal("value-missing", f"The table {table} demands a value in {column}, and the record has none.",
                       f"Enter a value in the source app, or let the column {column} be empty.", column)  # fmt: skip
    if found in (1062, 1169, 1586):
        keyed = _KEYED.search(text)
        index = keyed["key"].rpartition(".")[2] if keyed is not None else ""
        named = _indexed(load, index)
        return Refusal("value-twice", f"Another row of {table} has the same value in {named}, which has to be unique.",
                       "Correct one of the two records.",
                       named if any(one.name == named for one in load.columns) else None)  # fmt: skip
    if found in (1452, 1216, 1451, 1217, 3730):
        return Refusal("reference-missing", f"The record for {table} refers to a row of another table that is not "
                       "there.", "Bring that row first, or correct the reference.")  # fmt: skip
    if found in (1406, 1153):
        most = re.search(r"\((\d+)\)", declared)
        takes = f", and the column takes {most[1]} characters" if most is not None else ""
        return Refusal("value-too-long", f"The value for {where} is too long{takes}.",
                       "Shorten it in the source app or in the Mapper, or widen the column.", column)  # fmt: skip
    if found in (1264, 1690, 1916):
        return Refusal("value-out-of-range", f"The number for {where} is too large for{its}.",
                       "Correct the record in the source app, or widen the column.", column)  # fmt: skip
    rule = _RULE.search(text)
    if found in (4025, 3819) and rule is not None:
        name = (rule["mariadb"] or rule["mysql"]).rpartition(".")[2]
        if name in {one.name for one in load.columns}:
            return Refusal("value-unfit", f"The value for {table}.{name} does not fit its column or breaks its rule.",
                           "Set the attribute's type in the Mapper, or correct the record.", name)  # fmt: skip
        return Refusal("value-refused", f"The record breaks the rule {name} of the table {table}.",
                       "Correct the record in the source app, or change the rule.")  # fmt: skip
    if found in (1265, 1292, 1366, 1367, 1411, 3140, 3141, 3155, 3156, 1525, 4078):
        return Refusal("value-unfit", f"The value for {where} does not fit{its}.",
                       "Set the attribute's type in the Mapper, or correct the record.", column)  # fmt: skip
    return Refusal(
        "record-refused", f"The server refuses the record for the table {table} ({code(error)}).",
        "Check the table's rules and triggers, or correct the record.",
    )  # fmt: skip


def _column(load: Load, text: str) -> str | None:
    """The column that an error names: the last one, for what comes before may be data."""
    names = {one.name for one in load.columns}
    named = [one["name"].rpartition(".")[2].strip("`") for one in _NAMED.finditer(text)]
    known = [name for name in named if name in names]
    return known[-1] if known else (named[-1] if named and len(named) == 1 else None)


def _indexed(load: Load, index: str) -> str:
    """What an index is on: its columns cannot be seen in the error, so its name is given where it is not the key."""
    if index == "PRIMARY" and load.table.key:
        return ", ".join(load.table.key)
    return index or "its key"


# Connecting


def unreachable(error: BaseException, address: ServerAddress) -> AgentError:  # noqa: PLR0911 - one reason after another
    """Why the server, once reached, refused the connection."""
    inner: Any = getattr(error, "original_exception", None) or error
    detail = code(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        # 62 and 64: X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        if inner.verify_code in (62, 64):
            return ConfigurationError(
                f"The server's certificate is for another name than {address.host}.", code="tls-wrong-name",
                remedy=f"Enter the name in the certificate as Host, or choose another Encryption than {TLS_VERIFIED}.",
                field=HOST, detail=detail,
            )  # fmt: skip
        return ConfigurationError(
            "The server's certificate is not trusted by this computer.", code="tls-untrusted", field=CA_FILE,
            remedy="Choose the file with the certificate of the authority that signed it as CA certificate.",
            detail=detail,
        )  # fmt: skip
    if isinstance(inner, ssl.SSLError):
        unusable = address.ca_file and inner.reason in ("NO_CERTIFICATE_OR_CRL_FOUND", "PEM_LIB")
        return ConfigurationError(
            "The CA certificate cannot be used." if unusable else
            f"No encrypted connection to {address.host} could be agreed on.",
            code="ca-file-unusable" if unusable else "tls-failed", field=CA_FILE if unusable else TLS, detail=detail,
            remedy="Choose a file in PEM form." if unusable else
            "Choose another Encryption, or check the server's TLS settings.",
        )  # fmt: skip
    found = number(error)
    if found in (1045, 1698):
        if not address.password.reveal():
            return CredentialsError(
                "The server asks for a password.", code="password-missing", remedy="Enter the Password.",
                field=PASSWORD, detail=detail,
            )  # fmt: skip
        return CredentialsError(
            f"The server refused the password of the user {address.username}.", code="password-wrong", field=PASSWORD,
            remedy="Enter the Password again, and check the Username and from where the user may log in.",
            detail=detail,
        )  # fmt: skip
    if found == 1049:
        return ConfigurationError(
            f"There is no database called {address.database} on {address.host}.", code="database-unknown",
            remedy="Correct the Database, or have it created.", field=DATABASE, detail=detail,
        )  # fmt: skip
    if found == 1044:
        return CredentialsError(
            f"The user {address.username} may not use the database {address.database}.", code="database-not-permitted",
            remedy="Grant rights on the database to the user.", field=USERNAME, detail=detail,
        )  # fmt: skip
    if found in (1130, 1862, 1820, 4151):
        return CredentialsError(
            f"The server does not let {address.username} in from this computer, or not any more.",
            code="host-not-permitted", field=USERNAME, detail=detail,
            remedy="Have the user allowed to log in from this computer, and its password and account checked.",
        )  # fmt: skip
    if found in (3159, 4031):
        return ConfigurationError(
            f"The server does not let {address.username} in without encryption.", code="tls-demanded", field=TLS,
            remedy="Choose Required or Verified for Encryption.", detail=detail,
        )  # fmt: skip
    if found in (1040, 1203, 1226):
        return TransientError(
            "The server has no free connection.", code="too-many-connections", field=HOST, detail=detail,
            remedy="Close other connections, or allow more of them on the server; then try again.",
        )  # fmt: skip
    if found == 1053:
        return TransientError("The server is starting or stopping.", code="server-starting", field=HOST, detail=detail,
                              remedy="Try again in a moment.")  # fmt: skip
    if address.socket:
        return TransientError(
            f"No server answers at the socket {address.host}.", code="socket-missing", field=HOST, detail=detail,
            remedy="Start the server, or correct the Host.",
        )  # fmt: skip
    return TransientError(
        f"The connection to {address.host}:{address.port} was not accepted.", code="connection-refused-by-server",
        remedy=f"Check that a {address.kind} server listens there; its log says why it refused.", field=HOST,
        detail=detail,
    )  # fmt: skip
