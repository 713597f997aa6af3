"""How a sender's medical record numbers become the site's: prefix and leading zeros, as the rule of the number says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from interface.rules.source import Lines, RuleError

OPTIONS = ("strip_prefix", "strip_leading_zeros", "pad_to", "add_prefix")
"""In the order in which they are carried out."""

_MOST_DIGITS = 50


@dataclass(frozen=True)
class MrnForm:
    """Without any option a number stays as sent."""

    strip_prefix: tuple[str, ...] = ()
    strip_leading_zeros: bool = False
    pad_to: int = 0
    add_prefix: str = ""
    rule: str = ""
    """The rule that says so."""

    @classmethod
    def of(cls, body: Lines, rule: str) -> MrnForm:
        """The form that a rule's options describe. Raises RuleError."""

        def fail(key: str, text: str) -> RuleError:
            return RuleError(f"{body.place(key)}: {rule.rpartition('#')[2]}: {key}: {text}")

        given = body.get("strip_prefix", [])
        prefixes = tuple(str(entry) for entry in (given if isinstance(given, list) else [given]))
        if any(not prefix for prefix in prefixes):
            raise fail("strip_prefix", "is a prefix or a list of prefixes")
        zeros = body.get("strip_leading_zeros", False)
        if not isinstance(zeros, bool):
            raise fail("strip_leading_zeros", "is true or false")
        pad_to = body.get("pad_to", 0)
        if isinstance(pad_to, bool) or not isinstance(pad_to, int) or not 0 <= pad_to <= _MOST_DIGITS:
            raise fail("pad_to", f"is a number of digits, at most {_MOST_DIGITS}")
        if zeros and pad_to:
            raise fail("pad_to", "can't go with strip_leading_zeros: one takes what the other gives")
        return cls(prefixes, zeros, pad_to, str(body.get("add_prefix", "")), rule)

    def apply(self, number: str) -> str:
        """The number in the site's form. An empty number, or one that is nothing but prefix or zeros, is not touched."""
        for prefix in self.strip_prefix:
            if number.startswith(prefix) and len(number) > len(prefix):
                number = number[len(prefix) :]
                break
        if self.strip_leading_zeros:
            number = number.lstrip("0") or number
        if self.pad_to and number.isascii() and number.isdigit():
            number = number.zfill(self.pad_to)
        if self.add_prefix and number and not number.startswith(self.add_prefix):
            number = self.add_prefix + number
        return number

    @cached_property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self != MrnForm(rule=self.rule)


AS_SENT = MrnForm()
