"""What the errors of SQL Server mean, by their numbers. Names of columns and rules are taken from their texts (the
session speaks English), and nothing else, for they quote data; what a trigger or a procedure said on purpose is shown.

Numbers: https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence

import pytds  # type: ignore[import-untyped]  # it ships no types

from agent.connectors.sql.credentials import ServerAddress
from agent.connectors.sql.dialect import Fault
from agent.connectors.sql.fields import CA_FILE, DATABASE, ENCRYPTION, HOST, PASSWORD, TLS_OFF, TLS_VERIFIED, USERNAME
from agent.connectors.sql.mssql.fitting import MisfitError
from agent.connectors.sql.mssql.sessions import Message, ServerError
from agent.connectors.sql.tables import Load, Refusal, UnfitError
from agent.connectors.sql.triggers import trigger_refusal
from agent.domain.errors import AgentError, ConfigurationError, CredentialsError, TransientError

UNFIT = "opagent-unfit: "
"""What the agent's own errors begin with when a value does not fit a parameter; the parameter's name follows."""

_NULL = (515,)
_TWICE = (2627, 2601)
_RULE = (547,)
_TOO_LONG = (2628, 8152, 511, 8023, 1946, 1944)
_TOO_LARGE = (220, 232, 8115, 244, 246, 248)
_MISFIT = (241, 242, 245, 257, 295, 296, 206, 8114, 8169, 9803, 9807, 9402, 9436, 9455, 13609, 535, 8134)
_NOT_PERMITTED = (33504,)
_TRIGGER_ENDED = 3609
_RAISED = 50_000
_BUSY = (
    1205, 1222, 1204, 3960, 701, 802, 8645, 8651, 10928, 10929, 10060, 40501, 40197, 40613, 49918, 49919, 49920, 4221,
)  # fmt: skip
_FAULTS = {
    **dict.fromkeys(
        (*_NULL, *_TWICE, *_RULE, *_TOO_LONG, *_TOO_LARGE, *_MISFIT, *_NOT_PERMITTED, _TRIGGER_ENDED, 512, 334),
        Fault.RECORD,
    ),
    **dict.fromkeys(_BUSY, Fault.BUSY),
    **dict.fromkeys((596, 6001, 6002, 6004, 6005, 6006, 17142, 17143, 17189, 18401, 40143), Fault.LOST),
    **dict.fromkeys((1101, 1105, 9002, 5149, 40544, 1827), Fault.FULL),
    **dict.fromkeys((229, 230, 262, 297, 300, 1088, 2760, 3906, 3908, 4902, 15247, 916), Fault.DENIED),
    **dict.fromkeys((207, 208, 213, 1781, 2705, 2714, 3701, 3961, 3964, 4924, 2812), Fault.CHANGED),
    **dict.fromkeys((3617, 3204), Fault.STOPPED),
    **dict.fromkeys((605, 823, 824, 825, 2570, 8905, 8909, 8928, 8939), Fault.DAMAGED),
    # The transaction is not what the agent made of it: a procedure ended or began one.
    **dict.fromkeys((266, 3902, 3903, 3916, 3926, 3930, 3998, 6401, 628), Fault.OTHER),
}
_AFTERWARDS = (3609, 3930, 3998, 266)
"""These follow from an error before them, which says more."""
_COLUMN = re.compile(r"column '(?P<name>[^']*)'")
_CONSTRAINT = re.compile(r"(?:constraint|unique index) [\"'](?P<name>[^\"']*)[\"']")

_NOT_THERE = re.compile(r"(?:Invalid (?:object|column) name|Could not find stored procedure) '[^']*'")


def leading(error: BaseException) -> Message | None:
    """What the server said first that counts; None of any other error."""
    messages: Sequence[Message] = error.messages if isinstance(error, ServerError) else ()
    first = next((one for one in messages if one.number not in _AFTERWARDS), None)
    return first or (messages[0] if messages else None)


def number(error: BaseException) -> int | None:
    """The number of an error, None of anything that the server did not say."""
    found = leading(error)
    return found.number if found is not None else None


def text(error: BaseException) -> str:
    """What the server said; it may quote data."""
    found = leading(error)
    return found.text if found is not None else ""


def complaint(error: BaseException) -> str:
    """What the server says is not there."""
    found = _NOT_THERE.search(text(error))
    return found[0] if found is not None else ""


def fault(error: BaseException) -> Fault:
    """What an error means."""
    if isinstance(error, UnfitError | OverflowError | UnicodeEncodeError | pytds.DataError):
        return Fault.RECORD
    found = leading(error)
    if found is None:
        return Fault.LOST if isinstance(error, OSError | pytds.InterfaceError) else Fault.OTHER
    # One of these ends the transaction, whatever was said before it.
    numbers = [one.number for one in error.messages] if isinstance(error, ServerError) else []
    busy = next((one for one in numbers if one in _BUSY), None)
    if busy is not None:
        return Fault.BUSY
    if found.number in _FAULTS:
        return _FAULTS[found.number]
    if found.severity >= 20:  # the server hangs up
        return Fault.LOST
    if found.number >= _RAISED:
        return Fault.RECORD
    return Fault.STATEMENT if found.severity <= 16 else Fault.BUSY


def code(error: BaseException) -> str:
    """The number of the error."""
    found = number(error)
    return f"error {found}" if found is not None else type(error).__name__


def refusal(error: BaseException, load: Load) -> Refusal:  # noqa: PLR0911, PLR0912 - one kind of error after another
    """Why a row was refused."""
    if isinstance(error, MisfitError):
        return error.refusal
    if isinstance(error, UnfitError):
        return Refusal("value-unfit", error.message, error.remedy)
    table, said, found = load.table.name, text(error), number(error)
    declared = {one.name: one.declared for one in load.columns}
    named = _COLUMN.findall(said)
    column = named[-1] if named and named[-1] in declared else None
    where = f"{table}.{column}" if column else f"the table {table}"
    its = f" its type {declared[column]}" if column else " its column"
    rule = _CONSTRAINT.search(said)
    if said.startswith(UNFIT):
        column = said.removeprefix(UNFIT)
        return Refusal("value-unfit", f"The value for {table}.{column} does not fit its type "
                       f"{declared.get(column, '')}.", "Set the attribute's type in the Mapper, or correct the record.",
                       column if column in declared else None)  # fmt: skip
    if found in _NULL:
        empty = named[0] if named else "one of its columns"
        return Refusal("value-missing", f"The table {table} demands a value in {empty}, and the record has none.",
                       f"Enter a value in the source app, or let the column {empty} be empty.",
                       empty if named else None)  # fmt: skip
    if found in _TWICE:
        keyed = "PRIMARY KEY" in said and load.table.key
        unique = ", ".join(load.table.key) if keyed else (rule["name"] if rule is not None else "its key")
        return Refusal("value-twice", f"Another row of {table} has the same value in {unique}, which has to be unique.",
                       "Correct one of the two records.", unique if unique in declared else None)  # fmt: skip
    if found in _RULE:
        name = f" {rule['name']}" if rule is not None else ""
        if "CHECK constraint" in said:
            return Refusal("value-refused", f"The record breaks the rule{name} of the table {table}.",
                           "Correct the record in the source app, or change the rule.", column)  # fmt: skip
        return Refusal("reference-missing", f"The record for {table} refers to a row of another table that is not "
                       f"there (rule{name}).", "Bring that row first, or correct the reference.")  # fmt: skip
    if found in _TOO_LONG:
        return Refusal("value-too-long", f"The value for {where} is too long.",
                       "Shorten it in the source app or in the Mapper, or widen the column.", column)  # fmt: skip
    if found in _TOO_LARGE:
        return Refusal("value-out-of-range", f"The number for {where} is too large for{its}.",
                       "Correct the record in the source app, or widen the column.", column)  # fmt: skip
    if found in _NOT_PERMITTED:
        return Refusal("row-not-permitted", f"A rule of the table {table} does not let this user write the record.",
                       "Have the security policy of the table changed, or leave the record out.")  # fmt: skip
    if found == _TRIGGER_ENDED:
        return trigger_refusal(table, "")
    if found in _MISFIT:
        return Refusal("value-unfit", f"The value for {where} does not fit{its}.",
                       "Set the attribute's type in the Mapper, or correct the record.", column)  # fmt: skip
    if found is not None and found >= _RAISED:
        return trigger_refusal(table, said)
    return Refusal(
        "record-refused", f"The server refuses the record for the table {table} ({code(error)}).",
        "Check the table's rules and triggers, or correct the record.",
    )  # fmt: skip


# Connecting


def unreachable(error: BaseException, address: ServerAddress) -> AgentError:
    """Why the server, once reached, refused the connection."""
    detail = code(error)
    if isinstance(error, ssl.SSLError):
        return _not_encrypted(error, address)
    numbers = [one.number for one in error.messages] if isinstance(error, ServerError) else []
    # A login that fails for its database is told twice: the database comes first.
    known = next((_LOGINS[one] for one in numbers if one in _LOGINS), None)
    if 18456 in numbers and known is None:
        missing = not address.password.reveal()
        return CredentialsError(
            "The server asks for a password." if missing else
            f"The server refused the login of {address.username}.",
            code="password-missing" if missing else "password-wrong", field=PASSWORD, detail=detail,
            remedy="Enter the Password." if missing else
            "Enter the Password again, and check the Username; the server has to take logins of its own (mixed mode).",
        )  # fmt: skip
    if known is not None:
        kind, its_code, field, message, remedy = known
        return kind(message.format(address=address), code=its_code, field=field, detail=detail, remedy=remedy)
    said = str(error)
    if "encryption" in said.lower() and isinstance(error, pytds.Error):
        if address.tls == TLS_OFF:
            return ConfigurationError(
                "The server lets nobody in without encryption.", code="tls-demanded", field=ENCRYPTION, detail=detail,
                remedy=f"Choose {TLS_VERIFIED} for Encryption of SQL Server.",
            )  # fmt: skip
        return ConfigurationError(
            "The server offers no encryption.", code="tls-unsupported", field=ENCRYPTION, detail=detail,
            remedy=f"Have it set up there, or choose {TLS_OFF} if you trust the network in between.",
        )  # fmt: skip
    return TransientError(
        f"The connection to {address.host}:{address.port} was not accepted.", code="connection-refused-by-server",
        remedy=f"Check that a {address.kind} listens there; its log says why it refused.", field=HOST, detail=detail,
    )  # fmt: skip


def _not_encrypted(error: ssl.SSLError, address: ServerAddress) -> AgentError:
    detail = type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        # 62 and 64: X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
        if error.verify_code in (62, 64):
            return ConfigurationError(
                f"The server's certificate is for another name than {address.host}.", code="tls-wrong-name",
                remedy="Enter the name in the certificate as Host, or choose Required for Encryption of SQL Server.",
                field=HOST, detail=detail,
            )  # fmt: skip
        return ConfigurationError(
            "The server's certificate is not trusted by this computer.", code="tls-untrusted", field=CA_FILE,
            remedy="Choose the file with the certificate of the authority that signed it as CA certificate. A server "
            "that made its certificate itself can be used with Required.", detail=detail,
        )  # fmt: skip
    unusable = address.ca_file and error.reason in ("NO_CERTIFICATE_OR_CRL_FOUND", "PEM_LIB")
    return ConfigurationError(
        "The CA certificate cannot be used." if unusable else
        f"No encrypted connection to {address.host} could be agreed on.",
        code="ca-file-unusable" if unusable else "tls-failed", field=CA_FILE if unusable else ENCRYPTION, detail=detail,
        remedy="Choose a file in PEM form." if unusable else
        "The server has to know TLS 1.2: update it, or check its settings.",
    )  # fmt: skip


_LOGINS: dict[int, tuple[type[AgentError], str, str, str, str]] = {
    4060: (
        ConfigurationError, "database-unknown", DATABASE,
        "There is no database called {address.database} on {address.host} that {address.username} may use.",
        "Correct the Database, or have the login made a user of it.",
    ),
    916: (
        CredentialsError, "database-not-permitted", USERNAME,
        "The user {address.username} may not use the database {address.database}.",
        "Have the login made a user of the database.",
    ),
    **dict.fromkeys((40615, 17892), (
        CredentialsError, "host-not-permitted", USERNAME,
        "The server does not let {address.username} in from this computer.",
        "Have this computer allowed in the server's firewall, or the login in its logon trigger.",
    )),
    18452: (
        CredentialsError, "login-refused", USERNAME, "The server takes {address.username} for a Windows login.",
        "Enter a login of SQL Server's own, and have the server accept such logins (mixed mode).",
    ),
    18470: (
        CredentialsError, "account-locked", USERNAME, "The login {address.username} is disabled.",
        "Have it enabled on the server.",
    ),
    18486: (
        CredentialsError, "account-locked", USERNAME, "The login {address.username} is locked.",
        "Have it unlocked on the server.",
    ),
    **dict.fromkeys((18487, 18488), (
        CredentialsError, "password-expired", PASSWORD, "The password of {address.username} has expired.",
        "Have a new one set on the server, and enter it here.",
    )),
    **dict.fromkeys((17809, 10928, 10929), (
        TransientError, "too-many-connections", HOST, "The server has no free connection.",
        "Close other connections, or allow more of them on the server; then try again.",
    )),
    **dict.fromkeys((17142, 18401, 40613, 40197, 40501, 904, 927, 921, 922), (
        TransientError, "server-starting", HOST, "The server or the database is starting or stopping.",
        "Try again in a moment.",
    )),
}  # fmt: skip
