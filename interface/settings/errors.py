"""What is wrong with a settings file, one line for each fault."""

from collections.abc import Iterable
from dataclasses import dataclass

from interface.errors import InterfaceError


@dataclass(frozen=True)
class Fault:
    """One thing to put right in a settings file. Its text never holds a secret."""

    text: str
    """What is wrong and what to do: `unknown key; did you mean "environment"?`."""
    where: str = ""
    """The key as an operator names it: `[site] enviroment`; empty for the file as a whole."""
    file: str = ""
    """The file's name as it was given."""
    line: int | None = None
    """1-based line in the file; None where no line can be named (a key that is missing)."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.where, self.text) if part)


class SettingsError(InterfaceError):
    """The settings cannot be used. Its text has one line for each fault, in the order of the file."""

    exit_code = 2
    """Wrong settings end a command with exit code 2."""

    def __init__(self, faults: Fault | str | Iterable[Fault]):
        if isinstance(faults, str):
            faults = Fault(faults)
        if isinstance(faults, Fault):
            faults = (faults,)
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
