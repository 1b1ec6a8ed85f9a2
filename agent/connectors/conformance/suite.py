"""The whole suite, as one class to inherit."""

from __future__ import annotations

from agent.connectors.conformance.agreement import AgreementCases
from agent.connectors.conformance.changing import ChangingCases
from agent.connectors.conformance.checking import CheckingCases
from agent.connectors.conformance.describing import DescribingCases
from agent.connectors.conformance.nonsense import NonsenseCases
from agent.connectors.conformance.previewing import PreviewingCases
from agent.connectors.conformance.reading import ReadingCases
from agent.connectors.conformance.secrecy import SecrecyCases
from agent.connectors.conformance.writing import WritingCases


class Conformance(
    AgreementCases,
    DescribingCases,
    CheckingCases,
    ReadingCases,
    ChangingCases,
    WritingCases,
    PreviewingCases,
    NonsenseCases,
    SecrecyCases,
):
    """What every connector has to show. Inherit it in a class whose name begins with `Test`, and give it a stand."""
