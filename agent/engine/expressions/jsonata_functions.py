"""The names of JSONata's own functions, without `$`. `$eval` is not available."""

from __future__ import annotations

from typing import Final

JSONATA_FUNCTIONS: Final = frozenset(
    {
        "abs", "append", "assert", "average", "base64decode", "base64encode", "boolean", "ceil", "contains", "count",
        "decodeUrl", "decodeUrlComponent", "distinct", "each", "encodeUrl", "encodeUrlComponent", "error", "exists",
        "filter", "floor", "formatBase", "formatInteger", "formatNumber", "fromMillis", "join", "keys", "length",
        "lookup", "lowercase", "map", "match", "max", "merge", "millis", "min", "not", "now", "number", "pad",
        "parseInteger", "power", "random", "reduce", "replace", "reverse", "round", "shuffle", "sift", "single", "sort",
        "split", "spread", "sqrt", "string", "substring", "substringAfter", "substringBefore", "sum", "toMillis",
        "trim", "type", "uppercase", "zip",
    }
)  # fmt: skip
