"""The three credential fields, and what becomes of what people paste into them.

The API Path alone decides which kind of API account is meant and where requests go. A token is only ever sent to
BigCommerce's own gateway, to a shop's `/api/v2`, or to this machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from agent.connectors.contract import Prepared
from agent.domain.app import CredentialField, FieldKind
from agent.domain.errors import ConfigurationError
from agent.domain.secret import Secret
from agent.http.factory import is_loopback

GATEWAY_HOST = "api.bigcommerce.com"
API_PATH, USERNAME, API_TOKEN, RESERVE = "api_path", "username", "api_token", "reserve"
RESERVES = ("0 %", "10 %", "25 %", "50 %")

FIELDS = (
    CredentialField(
        name=API_PATH,
        label="API Path",
        help="Copy it from your store's control panel: Settings > Store-level API accounts.",
        example=f"https://{GATEWAY_HOST}/stores/abc123/v3/",
    ),
    CredentialField(
        name=USERNAME,
        label="Username",
        required=False,
        help="The name of the API account or its client ID. BigCommerce checks it only for legacy accounts, whose "
        "API Path ends in /api/v2; those need it. For all others it is kept for reference.",
        example="OP Agent",
    ),
    CredentialField(
        name=API_TOKEN,
        label="API Token",
        kind=FieldKind.SECRET,
        help="The access token. BigCommerce shows it once, when the API account is made.",
    ),
    CredentialField(
        name=RESERVE,
        label="Quota left to other apps",
        kind=FieldKind.CHOICE,
        required=False,
        choices=RESERVES,
        default=RESERVES[0],
        help="How much of the store's API quota the agent leaves to the store's other apps, such as a marketplace.",
    ),
)

_HASH = re.compile(r"[a-z0-9]{3,20}")
_GATEWAY_PATH = re.compile(r"/stores/(?P<hash>[^/]+)(?:/(?P<rest>.*))?", re.IGNORECASE)
_LEGACY_PATH = re.compile(r"/api/v2(?:/.*)?", re.IGNORECASE)
_SHOP_HOST = re.compile(r"store-(?P<hash>[a-z0-9]{3,20})(?:-\d+)?\.mybigcommerce\.com")
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_QUOTES = "\"'`“”„‘’«»"
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))
_TOKEN_LABEL = re.compile(r"(?:x-auth-token|access token|api token)\s*[:=]\s*", re.IGNORECASE)


class AccountKind(StrEnum):
    """How a store is talked to."""

    OAUTH = "oauth"
    LEGACY = "legacy"


@dataclass(frozen=True, slots=True)
class Account:
    """An API Path, understood. `base` has no slash at its end, and no version, except that a legacy base is V2."""

    kind: AccountKind
    base: str
    host: str
    store_hash: str | None

    @property
    def loopback(self) -> bool:
        """Whether the store is a sandbox on this machine."""
        return is_loopback(urlsplit(self.base).hostname or "")

    @property
    def name(self) -> str:
        """The store for people: its hash, or its host."""
        return self.store_hash or self.host


def account_of(values: Mapping[str, str] | None) -> Account:
    """The account of prepared values; the usual kind where there are none."""
    if not values or not values.get(API_PATH):
        return Account(AccountKind.OAUTH, f"https://{GATEWAY_HOST}/stores/", GATEWAY_HOST, None)
    return understood(values[API_PATH])[0]


def reserve_of(values: Mapping[str, str]) -> float:
    """The share of the quota, from 0 to less than 1, that is left to other apps.

    Raises:
        ConfigurationError: `field` is the reserve.
    """
    given = values.get(RESERVE, "").strip() or RESERVES[0]
    if given not in RESERVES:
        raise ConfigurationError(
            f"“{given}” is no share of the quota.",
            code="reserve",
            remedy=f"Choose one of {', '.join(RESERVES)}.",
            field=RESERVE,
        )
    return int(given.partition(" ")[0]) / 100


def prepare(values: Mapping[str, str], secrets: Mapping[str, Secret]) -> Prepared:
    """Tidy what people paste; every change is told in a note."""
    notes: list[str] = []
    path = values.get(API_PATH, "")
    token = secrets.get(API_TOKEN)
    for name, empty in ((API_PATH, not path.strip()), (API_TOKEN, token is None or not token.reveal().strip())):
        if empty:
            raise ConfigurationError(
                "Enter the API Path, the Username and the API Token.", code="field-empty", field=name
            )
    assert token is not None
    account, path_notes = understood(path)
    notes += path_notes
    username = _tidy(values.get(USERNAME, ""))
    if username != values.get(USERNAME, ""):
        notes.append("Blanks or quotation marks around the Username were removed.")
    if account.kind is AccountKind.LEGACY and not username:
        raise ConfigurationError(
            "This API Path belongs to a legacy API account, which needs a Username.", code="field-empty", field=USERNAME
        )
    if account.kind is AccountKind.LEGACY and ":" in username:
        raise ConfigurationError(
            "A Username cannot contain a colon.",
            code="username-format",
            remedy="Copy the Username of the legacy API account again.",
            field=USERNAME,
        )
    tidy_token, token_notes = _tidy_token(token)
    notes += token_notes
    prepared = {API_PATH: account.base}
    if (reserve := values.get(RESERVE, "").strip()) and reserve_of(values) > 0:
        prepared[RESERVE] = reserve
    if username:
        prepared[USERNAME] = username
    return Prepared(values=prepared, secrets={API_TOKEN: tidy_token}, notes=tuple(notes))


def understood(pasted: str) -> tuple[Account, list[str]]:
    """The account that a pasted API Path means, and a note for each change.

    Raises:
        ConfigurationError: `field` is the API Path; `code` is `account-level-path` or `api-path-format`.
    """
    notes: list[str] = []
    text = _tidy(pasted)
    if text != pasted:
        notes.append("Blanks or quotation marks around the API Path were removed.")
    bare = text.lower().removeprefix("store-")
    if _HASH.fullmatch(bare):
        notes.append(f"“{text}” was taken as the store hash; the API Path was completed.")
        return _oauth(f"https://{GATEWAY_HOST}", GATEWAY_HOST, bare), notes
    address = _address(text, notes)
    host = (address.hostname or "").rstrip(".")
    if "/accounts/" in f"{address.path}/".lower():
        raise ConfigurationError(
            "This is an account-level API path.",
            code="account-level-path",
            remedy="Create a store-level API account (V2/V3 token) instead, and copy its API Path.",
            field=API_PATH,
        )
    root = _root(address, host)
    if address.query or address.fragment:
        notes.append("What followed “?” or “#” in the API Path was removed.")
    store = _GATEWAY_PATH.fullmatch(address.path)
    if store is not None and (host == GATEWAY_HOST or is_loopback(host)):
        return _gateway(store, root, host, notes), notes
    if host != GATEWAY_HOST and _LEGACY_PATH.fullmatch(address.path):
        if address.path.rstrip("/").lower() != "/api/v2":
            notes.append("What followed /api/v2 in the API Path was removed.")
        shop = _SHOP_HOST.fullmatch(host)
        return Account(AccountKind.LEGACY, f"{root}/api/v2", host, shop["hash"] if shop else None), notes
    raise _not_recognised(host)


def _address(text: str, notes: list[str]) -> SplitResult:
    if "://" not in text:
        text = f"https://{text.lstrip('/')}"
        notes.append("“https://” was put in front of the API Path.")
    try:
        address = urlsplit(text)
        port = address.port
    except ValueError as error:
        raise _not_recognised("") from error
    host = (address.hostname or "").rstrip(".")
    # Whoever pastes a name and a password into the address has put a secret where none may be.
    named = address.username is not None or address.password is not None
    if named or not host or (not _HOST.fullmatch(host) and not is_loopback(host)) or address.scheme not in _SCHEMES:
        raise _not_recognised("")
    if address.scheme == "http" and not is_loopback(host):
        if port not in {None, 80}:
            raise _not_recognised(host)
        notes.append("“http://” was changed to “https://”: the token must not travel in clear.")
        address = address._replace(scheme="https", netloc=host)
    if host == GATEWAY_HOST and port is not None:
        address = address._replace(netloc=host)
    return address


_SCHEMES = frozenset({"http", "https"})


def _root(address: SplitResult, host: str) -> str:
    shown = f"[{host}]" if ":" in host else host
    port = address.port
    usual = {"http": 80, "https": 443}[address.scheme]
    return f"{address.scheme}://{shown}" + (f":{port}" if port not in {None, usual} else "")


def _gateway(store: re.Match[str], root: str, host: str, notes: list[str]) -> Account:
    written = store["hash"]
    store_hash = written.lower().removeprefix("store-")
    if not _HASH.fullmatch(store_hash):
        raise _not_recognised(host)
    if store_hash != written:
        notes.append(f"The store hash “{written}” was corrected to “{store_hash}”.")
    version, _, rest = (store["rest"] or "").partition("/")
    if version.lower() in {"v2", "v3"}:
        notes.append(f"“/{version}” at the end of the API Path was removed: the agent adds the version itself.")
        if rest.strip("/"):
            notes.append(f"What followed “/{version}” in the API Path was removed.")
    elif version:
        raise _not_recognised(host)
    return _oauth(root, host, store_hash)


def _oauth(root: str, host: str, store_hash: str) -> Account:
    return Account(AccountKind.OAUTH, f"{root}/stores/{store_hash}", host, store_hash)


def _tidy(text: str) -> str:
    before = None
    while text != before:
        before, text = text, text.translate(_INVISIBLE).strip().strip(_QUOTES)
    return text


def _tidy_token(token: Secret) -> tuple[Secret, list[str]]:
    notes: list[str] = []
    text = _tidy(token.reveal())
    unlabelled = _tidy(_TOKEN_LABEL.sub("", text, count=1) if _TOKEN_LABEL.match(text) else text)
    if unlabelled != text:
        notes.append("The name in front of the API Token was removed.")
    joined = "".join(unlabelled.split())
    if joined != unlabelled or text != token.reveal():
        notes.append("Blanks or quotation marks around or in the API Token were removed.")
    if not joined or not joined.isascii() or not joined.isprintable():
        raise ConfigurationError(
            "The API Token contains characters that no token has.",
            code="token-format",
            remedy="Copy the API Token again.",
            field=API_TOKEN,
        )
    return Secret(joined), notes


def _not_recognised(host: str) -> ConfigurationError:
    shop = _SHOP_HOST.fullmatch(host)
    example = shop["hash"] if shop else "abc123"
    return ConfigurationError(
        f"The API Path should look like https://{GATEWAY_HOST}/stores/{example}/v3/.",
        code="api-path-format",
        remedy="Copy it from Settings > Store-level API accounts.",
        field=API_PATH,
    )
