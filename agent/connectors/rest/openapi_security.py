"""Says how a service of an OpenAPI document is signed in to, in the words of the form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.connectors.rest.credentials import Authentication
from agent.connectors.rest.json_schemas import Schemas


def sign_in_of(document: Mapping[str, Any], schemas: Schemas) -> str:
    """One sentence on what to choose under Authentication; empty where the document says nothing of it."""
    components = document.get("components")
    named = components.get("securitySchemes") if isinstance(components, Mapping) else None
    named = named or document.get("securityDefinitions")  # Swagger 2.0
    if not isinstance(named, Mapping) or not named:
        return ""
    found = [_in_the_form(schemas.resolved(one)) for one in list(named.values())[:20]]
    known = list(dict.fromkeys(one for one in found if one))
    return f"Authentication: {'; or '.join(known) if known else 'none that the agent can do'}."


_IN_SWAGGER = {"application": "clientCredentials", "accessCode": "authorizationCode"}
"""What flows are called in Swagger 2.0 and in OpenAPI 3."""


def _in_the_form(scheme: Mapping[str, Any]) -> str:
    """The choice of the form that a scheme stands for; empty where there is none."""
    word = str(scheme.get("scheme", "")).casefold()
    match scheme.get("type"):
        case "basic":
            return Authentication.BASIC.value
        case "http" if word in {"basic", "bearer"}:
            return (Authentication.BASIC if word == "basic" else Authentication.BEARER).value
        case "apiKey" if scheme.get("in") in {"header", "query"}:
            place = "header" if scheme["in"] == "header" else "query parameter"
            return f"{Authentication.KEY.value}, in the {place} “{_one_line(scheme.get('name'))}”"
        case "oauth2":
            return _oauth2(scheme)
    return ""


def _oauth2(scheme: Mapping[str, Any]) -> str:
    flows = scheme.get("flows")
    given = {name: one for name, one in flows.items() if isinstance(one, Mapping)} if isinstance(flows, Mapping) else {}
    given |= {_IN_SWAGGER[scheme["flow"]]: scheme} if scheme.get("flow") in _IN_SWAGGER else {}
    if flow := given.get("clientCredentials"):
        return f"{Authentication.OAUTH2.value}, token URL {_one_line(flow.get('tokenUrl'))}"
    if flow := given.get("authorizationCode"):
        pages = (
            f"authorization URL {_one_line(flow.get('authorizationUrl'))}, token URL {_one_line(flow.get('tokenUrl'))}"
        )
        return f"{Authentication.PERSON.value}, {pages}"
    return ""


def _one_line(text: object) -> str:
    return "".join(sign for sign in str(text or "?")[:300] if sign.isprintable())
