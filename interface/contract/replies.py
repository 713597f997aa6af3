"""The API's replies, read leniently: a reply that is a little off must not turn a delivery into a failure."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

_LENIENT = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True)


class ProcessingResponse(BaseModel):
    """Contract: ProcessingResponse, the body of 200, 401 and 403; nobody promises `correlationId`."""

    model_config = _LENIENT

    correlationId: str | None = None  # noqa: N815 - the contract's name


class ErrorBody(BaseModel):
    """Contract: ErrorBody, the body of 400. The inside of `_links` and `_embedded` is not published."""

    model_config = _LENIENT

    message: str = ""
    logref: str | None = None
    path: str | None = None
    links: dict[str, Any] = Field(default_factory=dict, alias="_links")
    embedded: dict[str, Any] = Field(default_factory=dict, alias="_embedded")

    def problems(self) -> tuple[str, ...]:
        """The messages inside `_embedded`, each once, in order. They may repeat values: patient data."""
        found: dict[str, None] = {}
        for entries in self.embedded.values():
            for entry in entries if isinstance(entries, list) else ():
                text = entry.get("message") if isinstance(entry, dict) else None
                if isinstance(text, str) and text:
                    found[text] = None
        return tuple(found)


def read_processing_response(raw: bytes) -> ProcessingResponse | None:
    """The body as a ProcessingResponse; None when it is no JSON object or its correlationId is no text."""
    try:
        return ProcessingResponse.model_validate_json(raw)
    except ValidationError:
        return None


def read_error_body(raw: bytes) -> ErrorBody | None:
    """The body as an ErrorBody; None when it is none (a proxy's page, another shape)."""
    try:
        return ErrorBody.model_validate_json(raw)
    except ValidationError:
        return None
