"""The contract's words for operators who sign in."""

from __future__ import annotations

from pydantic import SecretStr

from agent.api.base_models import Model, Name, Request


class SignIn(Request):
    """An operator's name and password; creates the first operator where there is none yet."""

    name: Name
    password: SecretStr


class PasswordChange(Request):
    """The password that an operator has, and the one that is to count from now on."""

    name: Name
    old: SecretStr
    new: SecretStr


class Session(Model):
    """A signed-in operator. The token goes into the `Operator-Session` header."""

    name: str
    token: str
