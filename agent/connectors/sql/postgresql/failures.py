"""What PostgreSQL's errors mean, by SQLSTATE. Where the driver gives none (while it connects), the text is looked at to
sort the error, and never shown: it could quote anything. What a trigger raised is shown: that is its purpose."""

from __future__ import annotations

import re

import psycopg
import sqlalchemy as sa

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Fault, cause, fetch
from agent.connectors.sql.fields import CA_FILE, DATABASE, HOST, PASSWORD, TLS, TLS_OFF, TLS_VERIFIED, USERNAME
from agent.connectors.sql.tables import Column, Load, Refusal, UnfitError
from agent.connectors.sql.triggers import trigger_refusal
from agent.domain.errors import AgentError, ConfigurationError, CredentialsError, TransientError
from agent.domain.packet import Value

_EXACT = {
    "21000": Fault.RECORD, "44000": Fault.RECORD, "54000": Fault.RECORD, "P0001": Fault.RECORD,
    "55P03": Fault.BUSY, "40001": Fault.BUSY, "40P01": Fault.BUSY, "55006": Fault.BUSY,
    "57014": Fault.STOPPED,
    "53100": Fault.FULL,
    "42501": Fault.DENIED, "25006": Fault.DENIED,
    "42P01": Fault.CHANGED, "42703": Fault.CHANGED, "42P07": Fault.CHANGED, "42701": Fault.CHANGED,
    "42710": Fault.CHANGED, "42883": Fault.CHANGED,
    "25P03": Fault.LOST,
    "53300": Fault.BUSY, "53200": Fault.BUSY, "53400": Fault.BUSY,
    "XX001": Fault.DAMAGED, "XX002": Fault.DAMAGED,
}  # fmt: skip
_CLASSES = {
    "22": Fault.RECORD, "23": Fault.RECORD, "08": Fault.LOST, "57": Fault.LOST, "58": Fault.LOST,
    "42": Fault.STATEMENT,
    "54": Fault.STATEMENT, "0A": Fault.STATEMENT, "3F": Fault.STATEMENT,
}  # fmt: skip
_REFUSED = {
    "42501": (
        "row-not-permitted",
        "The agent may not write this record into {table}: a policy of the table forbids it.",
        "Change the policy, or correct the record.",
    ),
    "54000": (
        "value-too-long",
        "The record is too large for the table {table}.",
        "Leave out or shorten its largest value.",
    ),
}
_KEYED = re.compile(r"\((?P<columns>[^()]*)\)=\(")
_LENGTH = re.compile(r"character(?: varying)?\((?P<most>\d+)\)")


def fault(error: BaseException) -> Fault:
    """What an error means."""
    if isinstance(error, UnfitError | OverflowError | UnicodeEncodeError):
        return Fault.RECORD
    if not isinstance(error, psycopg.Error):
        return Fault.LOST if isinstance(error, OSError) else Fault.OTHER
    state = error.sqlstate
    if state is None:
        # The driver's own: a value that it cannot send, or a connection that broke.
        if isinstance(error, psycopg.DataError):
            return Fault.RECORD
        return Fault.LOST if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else Fault.OTHER
    found = _EXACT.get(state) or _CLASSES.get(state[:2])
    return found or (Fault.RECORD if _raised(error) else Fault.OTHER)


def _raised(error: BaseException) -> bool:
    """Whether a trigger or function raised it on purpose, whatever SQLSTATE it chose for it."""
    diagnosis = error.diag if isinstance(error, psycopg.Error) else None
    # The name of the server's own routine: unlike the text, the same in every language.
    return diagnosis is not None and diagnosis.source_function == "exec_stmt_raise"


def complaint(error: BaseException) -> str:
    """What the server says, without what it was doing."""
    return (error.diag.message_primary or "") if isinstance(error, psycopg.Error) else ""


def code(error: BaseException) -> str:
    """The SQLSTATE."""
    state = getattr(error, "sqlstate", None)
    return f"SQLSTATE {state}" if state else type(error).__name__


def refusal(connection: sa.Connection, error: BaseException, load: Load, row: tuple[Value, ...]) -> Refusal:
    """Why a row was refused."""
    if isinstance(error, UnfitError):
        return Refusal("value-unfit", error.message, error.remedy)
    table = load.table.name
    state = getattr(error, "sqlstate", None) or ""
    diagnosis = error.diag if isinstance(error, psycopg.Error) else None
    rule = (diagnosis.constraint_name if diagnosis is not None else None) or ""
    if diagnosis is not None and (state == "P0001" or _raised(error)):
        return trigger_refusal(table, diagnosis.message_primary or "")
    if state == "23502" and diagnosis is not None:
        column = diagnosis.column_name or ""
        return Refusal("value-missing", f"The table {table} demands a value in {column}, and the record has none.",
                       f"Enter a value in the source app, or let the column {column} be empty.", column)  # fmt: skip
    if state in ("23505", "23P01", "21000"):
        keyed = _KEYED.search((diagnosis.message_detail if diagnosis is not None else None) or "")
        named = keyed["columns"] if keyed is not None else rule or "its key"
        return Refusal("value-twice", f"Another row of {table} has the same value in {named}, which has to be unique.",
                       "Correct one of the two records.", named if keyed and "," not in named else None)  # fmt: skip
    if state == "23503":
        return Refusal("reference-missing", f"The record for {table} refers to a row of another table that is not "
                       f"there (rule {rule}).", "Bring that row first, or correct the reference.")  # fmt: skip
    if state in _REFUSED:
        code, message, remedy = _REFUSED[state]
        return Refusal(code, message.format(table=table), remedy)
    if state.startswith("23") and rule:
        return Refusal("value-refused", f"The record breaks the rule {rule} of the table {table}.",
                       "Correct the record in the source app, or change the rule.")  # fmt: skip
    return _unfit(connection, load, row) or Refusal(
        "record-refused", f"PostgreSQL refuses the record for the table {table} ({state or type(error).__name__}).",
        "Check the table's rules and triggers, or correct the record.",
    )  # fmt: skip


def _unfit(connection: sa.Connection, load: Load, row: tuple[Value, ...]) -> Refusal | None:
    """The value that a column cannot keep: found by trying each one alone."""
    for column, value in zip(load.columns, row, strict=True):
        if value is None:
            continue
        where = f"{load.table.name}.{column.name}"
        limit = _LENGTH.fullmatch(column.declared)
        if limit is not None and len(str(value)) > int(limit["most"]):
            return Refusal("value-too-long", f"The value for {where} has {len(str(value)):,} characters, and the "
                           f"column takes {limit['most']}.",
                           "Shorten it in the source app or in the Mapper, or widen the column.",
                           column.name)  # fmt: skip
        state = _tried(connection, column, value)
        if state == "22003":
            return Refusal("value-out-of-range", f"The number for {where} is too large for its type {column.declared}.",
                           "Correct the record in the source app, or widen the column.", column.name)  # fmt: skip
        if state is not None:
            return Refusal("value-unfit", f"The value for {where} does not fit its type {column.declared}.",
                           "Set the attribute's type in the Mapper, or correct the record.", column.name)  # fmt: skip
    return None


def _tried(connection: sa.Connection, column: Column, value: Value) -> str | None:
    """The SQLSTATE with which a value is refused as one of the column's type; None where it is taken."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    connection.exec_driver_sql("SAVEPOINT opagent_trial")
    try:
        declared = column.declared.replace("%", "%%")
        fetch(connection, f"SELECT CAST(%s AS {declared}) IS NULL", (text,))
    except (sa.exc.DBAPIError, psycopg.Error, UnicodeEncodeError) as error:
        connection.exec_driver_sql("ROLLBACK TO SAVEPOINT opagent_trial")
        original = cause(error)
        if fault(original) is Fault.RECORD:
            return getattr(original, "sqlstate", None) or "22000"
        return None
    connection.exec_driver_sql("RELEASE SAVEPOINT opagent_trial")
    return None


# Connecting


def unreachable(error: BaseException, address: ServerAddress) -> AgentError:
    """Why the server, once reached, refused the connection."""
    text = str(error)
    for pattern, code, field, message, remedy in _REFUSALS:
        if re.search(pattern, text, re.IGNORECASE):
            kind = TransientError if code in _PASSING else ConfigurationError
            if code in _LOGINS:
                kind = CredentialsError
            return kind(
                message.format(address=address), code=code, remedy=remedy.format(address=address), field=field,
                detail=type(error).__name__,
            )  # fmt: skip
    connection = getattr(error, "pgconn", None)
    if getattr(connection, "needs_password", False):
        return CredentialsError(
            "The server asks for a password.", code="password-missing", remedy="Enter the Password.", field=PASSWORD
        )
    if getattr(connection, "used_password", False):
        # Servers may speak any language, so this much is all that can be known.
        return CredentialsError(
            f"The server at {address.host} refused the login of {address.username} to {address.database}.",
            code="login-refused", remedy="Check Password, Username and Database.", field=PASSWORD,
            detail=type(error).__name__,
        )  # fmt: skip
    return TransientError(
        f"The connection to {address.host}:{address.port} was not accepted.", code="connection-refused-by-server",
        remedy="Check that a PostgreSQL server listens there; its log says why it refused.", field=HOST,
        detail=type(error).__name__,
    )  # fmt: skip


# The server answers and lets this account in no more, whatever it is to do.
_LOGINS = frozenset({
    "password-wrong", "password-missing", "user-unknown", "database-not-permitted", "host-not-permitted"
})  # fmt: skip
_PASSING = frozenset({"too-many-connections", "server-starting", "connect-timeout", "socket-missing"})
# pattern, code, field, message, remedy; the first that is found counts
_REFUSALS: tuple[tuple[str, str, str, str, str], ...] = (
    (r"(?:password|ident|peer|LDAP|PAM|RADIUS|GSSAPI|certificate) authentication failed",
     "password-wrong", PASSWORD, "The server refused the password of the user {address.username}.",
     "Enter the Password again, and check the Username."),
    (r"no password supplied|empty password",
     "password-missing", PASSWORD, "The server asks for a password.", "Enter the Password."),
    (r"database .* does not exist",
     "database-unknown", DATABASE, "There is no database called {address.database} on {address.host}.",
     "Correct the Database, or have it created."),
    (r"role .* does not exist|role .* is not permitted to log in",
     "user-unknown", USERNAME, "There is no user {address.username} on {address.host} who may log in.",
     "Correct the Username, or have the user created."),
    (r"permission denied for database|no CONNECT privilege",
     "database-not-permitted", USERNAME, "The user {address.username} may not use the database {address.database}.",
     "Grant CONNECT on the database to the user."),
    (r"no pg_hba\.conf entry .*(?:no encryption|SSL off)",
     "tls-demanded", TLS, "The server does not let {address.username} in without encryption.",
     "Choose Required or Verified for Encryption."),
    (r"pg_hba\.conf",
     "host-not-permitted", USERNAME,
     "The server lets nobody in as {address.username} to {address.database} from this computer.",
     "Have an entry for it added to the server's pg_hba.conf."),
    (r"does not support SSL",
     "tls-unsupported", TLS, "The server offers no encryption.",
     f"Have it set up there, or choose {TLS_OFF} for Encryption if you trust the network in between."),
    (r"certificate verify failed|self.signed certificate|unable to get (?:local )?issuer|certificate has expired",
     "tls-untrusted", CA_FILE, "The server's certificate is not trusted by this computer.",
     "Choose the file with the certificate of the authority that signed it as CA certificate."),
    (r"server certificate for .* does not match|certificate .*host ?name",
     "tls-wrong-name", HOST, "The server's certificate is for another name than {address.host}.",
     f"Enter the name in the certificate as Host, or choose another Encryption than {TLS_VERIFIED}."),
    (r"root certificate file|could not read root certificate|no certificate or crl",
     "ca-file-unusable", CA_FILE, "The CA certificate cannot be used.", "Choose a file in PEM form."),
    (r"SSL|TLS",
     "tls-failed", TLS, "No encrypted connection to {address.host} could be agreed on.",
     "Choose another Encryption, or check the server's TLS settings."),
    (r"too many (?:clients|connections)|remaining connection slots",
     "too-many-connections", HOST, "The server has no free connection.",
     "Close other connections, or allow more of them on the server; then try again."),
    (r"starting up|shutting down|recovery mode|not yet accepting",
     "server-starting", HOST, "The server is starting or stopping.", "Try again in a moment."),
    (r"socket .*(?:No such file|refused)|Is the server running locally",
     "socket-missing", HOST, "No server has a socket in {address.host} for port {address.port}.",
     "Start the server, or correct Host and Port."),
    (r"timeout expired|timed out",
     "connect-timeout", HOST, "{address.host}:{address.port} did not answer in time.",
     "Check that a PostgreSQL server listens there, and that it is not overloaded."),
)  # fmt: skip
