"""The API's webhooks: the envelope of every callback, read leniently (the vendor may still change it)."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from interface.contract.violations import ContractError, violations_of

EVENT_TYPES = ("patient.found", "patient.insufficientData", "document.deliveryComplete")
"""The published event types; more may be added."""

_MICROSECONDS = re.compile(r"([.,]\d{6})\d+")


def read_timestamp(text: str) -> datetime:
    """An ISO time as an aware datetime; digits beyond microseconds are cut, a time without an offset is UTC.

    Raises:
        ValueError: it is no time.

    """
    found = datetime.fromisoformat(_MICROSECONDS.sub(r"\1", text.strip(), count=1))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _timestamp(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return read_timestamp(value)
    except (ValueError, AttributeError, TypeError):
        raise PydanticCustomError("day", "is not a time") from None


class WebhookEvent(BaseModel):
    """Contract: WebhookEvent. Unknown types and unknown fields are taken; `data` depends on the type."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    type: str
    correlationId: str  # noqa: N815 - the contract's name
    batchId: str  # noqa: N815 - the contract's name
    timestamp: Annotated[datetime, BeforeValidator(_timestamp)]
    data: dict[str, Any] | None = None

    @property
    def is_known(self) -> bool:
        """Whether the event type is a published one."""
        return self.type in EVENT_TYPES


def read_event(raw: bytes) -> WebhookEvent:
    """The body of a webhook.

    Raises:
        ContractError: it is no WebhookEvent; the text names fields, no values.

    """
    try:
        return WebhookEvent.model_validate_json(raw)
    except ValidationError as error:
        raise ContractError(violations_of(error)) from None
