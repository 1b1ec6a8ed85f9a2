"""OP Agent: an open on-premise integration agent. This package file owns nothing but the version."""

__version__ = "0.1.0"
