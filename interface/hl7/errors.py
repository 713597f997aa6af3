"""What makes bytes unreadable as HL7 v2."""

from typing import Literal

from interface.errors import InterfaceError

HeaderFault = Literal["no-msh", "undecodable"]

REJECTS = {
    "no-msh": "there is no MSH segment: not an HL7 message",
    "undecodable": "the MSH segment cannot be decoded",
    "missing-type": "MSH-9 (message type) is missing; the sender must fill it",
    "missing-control-id": "MSH-10 (control id) is missing; the sender must fill it",
}
"""Why a message is rejected: the reason's code and its sentence, wherever it is told."""


class NotHL7(InterfaceError):  # noqa: N818  read as a statement
    """The bytes can't be read as an HL7 v2 message; the text never quotes them."""


class HeaderError(NotHL7):
    """MSH is missing or can't be read. `kind` says which, and so which row of the ACK table answers it."""

    def __init__(self, kind: HeaderFault, text: str):
        super().__init__(text)
        self.kind: HeaderFault = kind


class TooManyMessagesError(NotHL7):
    """One payload holds more messages than are taken at once."""
