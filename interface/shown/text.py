"""Text of messages that can harm neither a terminal nor a page: no control characters, no invisible ones."""

import re

# control characters, soft hyphen, zero-width and direction marks, line separators, lone surrogates, BOM, tags
HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def safe_text(value: object) -> str:
    """`value` as one line in which every control character, invisible ones too, is shown as an escape.

    Messages come from elsewhere: a name must not clear a screen, colour a line or turn its direction.
    """
    return HARMFUL.sub(_escape, "" if value is None else str(value))


def from_shown(text: str) -> str:
    """Undoes `safe_text` for one who types, or copies, what was shown; not of line ends and tabs: `LAB\\north` is a name."""
    return re.sub(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U000([0-9a-f]{5}))", _character, text)


def _character(found: re.Match[str]) -> str:
    character = chr(int(found[1] or found[2] or found[3], 16))
    return character if HARMFUL.match(character) else found.group()


def safe_lines(value: str) -> str:
    """Like `safe_text`, but line ends (CR, LF, CRLF) stay line ends."""
    return "\n".join(safe_text(line) for line in re.split("\r\n|\r|\n", value))
