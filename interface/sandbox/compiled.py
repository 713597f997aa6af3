"""A schema of the contract files as one Python function that only says yes or no.

jsonschema takes milliseconds for a request with many medications, and the simulated API has to keep up with a
stress test. So a valid body is recognised by this function, and jsonschema is asked when it says no. It knows
the keywords that the contract files use and refuses any other, so that a new one cannot go unheeded.
"""

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], bool]
Tests = Mapping[str, Check]

_NOTES = frozenset({"description", "default", "examples", "title"})

_TYPES: dict[str, Check] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(value, float) and value.is_integer())
    ),
}


class Compiler:
    """Turns the schemas of one contract file into functions; each referenced schema is compiled once."""

    def __init__(
        self,
        document: Mapping[str, Any],
        formats: Tests,
        whole_text: Callable[[str], Callable[[str], object]],
    ) -> None:
        """`formats` tests texts and numbers by the format's name; `whole_text` makes a test of an expression."""
        self._document = document
        self._formats = formats
        self._whole_text = whole_text
        self._referenced: dict[str, Check] = {}

    def compile(self, schema: Mapping[str, Any]) -> Check:
        """The function for a schema.

        Raises:
            ValueError: the schema has a keyword that is not known here.

        """
        checks: list[Check] = []
        for keyword, value in schema.items():
            if keyword in _NOTES or keyword.startswith("x-") or keyword in _WITH_ANOTHER:
                continue
            make = _KEYWORDS.get(keyword)
            if make is None:
                raise ValueError(f"the contract has a keyword that is not known here: {keyword}")
            checks.append(make(self, value, schema))
        if len(checks) == 1:
            return checks[0]
        parts = tuple(checks)

        def every(value: Any) -> bool:
            for check in parts:  # noqa: SIM110 - all() with a generator takes twice the time
                if not check(value):
                    return False
            return True

        return every

    def reference(self, pointer: str, _: Mapping[str, Any]) -> Check:
        """`#/components/schemas/Name`."""
        if pointer not in self._referenced:
            found: Any = self._document
            for step in pointer.removeprefix("#/").split("/"):
                found = found[step]
            self._referenced[pointer] = self.compile(found)
        return self._referenced[pointer]

    def kind(self, name: str | list[str], _: Mapping[str, Any]) -> Check:
        """`type`, one or several."""
        if isinstance(name, str):
            return _TYPES[name]
        kinds = tuple(_TYPES[one] for one in name)
        return lambda value: any(kind(value) for kind in kinds)

    def required(self, names: list[str], _: Mapping[str, Any]) -> Check:
        """`required`."""
        wanted = frozenset(names)
        return lambda value: not isinstance(value, dict) or wanted <= value.keys()

    def properties(self, schemas: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
        """`properties`: looks at those that are there."""
        checks = {name: self.compile(schema) for name, schema in schemas.items()}

        def check(value: Any) -> bool:
            if isinstance(value, dict):
                for name, inner in value.items():
                    look = checks.get(name)
                    if look is not None and not look(inner):
                        return False
            return True

        return check

    def additional(self, schema: Any, beside: Mapping[str, Any]) -> Check:
        """`additionalProperties`, of which the files have `true` and a schema."""
        if schema is True:
            return lambda _: True
        named = frozenset(beside.get("properties", ()))
        look = self.compile(schema)
        return lambda value: (
            not isinstance(value, dict) or all(look(value[name]) for name in value.keys() - named)
        )

    def items(self, schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
        """`items`."""
        look = self.compile(schema)

        def check(value: Any) -> bool:
            if isinstance(value, list):
                for inner in value:
                    if not look(inner):
                        return False
            return True

        return check

    def pattern(self, expression: str, _: Mapping[str, Any]) -> Check:
        """`pattern`."""
        matches = self._whole_text(expression)
        return lambda value: not isinstance(value, str) or matches(value) is not None

    def form(self, name: str, _: Mapping[str, Any]) -> Check:
        """`format`."""
        return self._formats[name]

    def choice(self, values: list[Any], _: Mapping[str, Any]) -> Check:
        """`enum`; the files have texts only."""
        allowed = frozenset(values)
        return lambda value: isinstance(value, str) and value in allowed

    def constant(self, wanted: Any, _: Mapping[str, Any]) -> Check:
        """`const`, of the same JSON type: 0 is not false."""
        return lambda value: type(value) is type(wanted) and value == wanted

    def every(self, schemas: list[Mapping[str, Any]], _: Mapping[str, Any]) -> Check:
        """`allOf`."""
        checks = tuple(self.compile(schema) for schema in schemas)
        return lambda value: all(check(value) for check in checks)

    def opposite(self, schema: Mapping[str, Any], _: Mapping[str, Any]) -> Check:
        """`not`."""
        look = self.compile(schema)
        return lambda value: not look(value)

    def condition(self, schema: Mapping[str, Any], beside: Mapping[str, Any]) -> Check:
        """`if` with its `then`."""
        applies, then = self.compile(schema), self.compile(beside.get("then", {}))
        return lambda value: not applies(value) or then(value)


def _at_least(kind: type[str | list[Any] | dict[str, Any]]) -> Callable[..., Check]:
    return lambda _, least, __: lambda value: not isinstance(value, kind) or len(value) >= least


def _at_most(kind: type[str | list[Any] | dict[str, Any]]) -> Callable[..., Check]:
    return lambda _, most, __: lambda value: not isinstance(value, kind) or len(value) <= most


_WITH_ANOTHER = frozenset({"then"})

_KEYWORDS: dict[str, Callable[[Compiler, Any, Mapping[str, Any]], Check]] = {
    "$ref": Compiler.reference,
    "type": Compiler.kind,
    "required": Compiler.required,
    "properties": Compiler.properties,
    "additionalProperties": Compiler.additional,
    "items": Compiler.items,
    "pattern": Compiler.pattern,
    "format": Compiler.form,
    "enum": Compiler.choice,
    "const": Compiler.constant,
    "allOf": Compiler.every,
    "not": Compiler.opposite,
    "if": Compiler.condition,
    "minLength": _at_least(str),
    "maxLength": _at_most(str),
    "minItems": _at_least(list),
    "maxItems": _at_most(list),
    "minProperties": _at_least(dict),
}
