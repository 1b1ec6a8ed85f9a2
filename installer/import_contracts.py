"""A kind of import contract that import-linter lacks: a package that gets by with the standard library and itself.

Only `lint-imports` loads this, through `[tool.importlinter]`. Listing every package in the world as forbidden would be
the other way.
"""

from __future__ import annotations

import sys

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class StandardLibraryOnlyContract(Contract):
    """Option `package`: neither it nor anything below it imports anything else."""

    package = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        _ = verbose
        package = str(self.package)  # a field as long as the class is read, the option's text in an instance
        own = {package} | graph.find_descendants(package)
        foreign = sorted(
            (module, imported)
            for module in own
            for imported in graph.find_modules_directly_imported_by(module) - own
            if imported.partition(".")[0] not in sys.stdlib_module_names
        )
        return ContractCheck(kept=not foreign, metadata={"foreign": foreign})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for module, imported in check.metadata["foreign"]:
            output.print_error(f"- {module} -> {imported}", bold=False)
