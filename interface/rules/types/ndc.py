"""National Drug Codes: the eleven digits of a product, however they were written."""

from __future__ import annotations

NDC = "2.16.840.1.113883.6.69"
"""OID of the National Drug Code."""


def ndc11(code: str) -> str | None:
    """An NDC as eleven digits: 5-4-2 loses its dashes, 4-4-2, 5-3-2 and 5-4-1 get their zero.

    None when it can't be told: ten digits without dashes, or no NDC at all (all zeros stand for none).
    """
    if not code.strip("0-"):
        return None
    if code.isascii() and code.isdigit():
        return code if len(code) == 11 else None
    parts = code.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    lengths = tuple(len(part) for part in parts)
    if lengths in ((5, 4, 2), (4, 4, 2), (5, 3, 2), (5, 4, 1)):
        return parts[0].zfill(5) + parts[1].zfill(4) + parts[2].zfill(2)
    return None


def ndc_candidates(code: str) -> tuple[str, ...]:
    """The products that an NDC may be, each as eleven digits: of ten digits without dashes three."""
    if len(code) == 10 and code.isascii() and code.isdigit():
        return f"0{code}", f"{code[:5]}0{code[5:]}", f"{code[:9]}0{code[9:]}"
    eleven = ndc11(code)
    return (eleven,) if eleven else (code,)


def ndc_beginnings(text: str) -> tuple[str, ...]:
    """What the eleven digits begin with of the products whose NDC begins so; a part that is open may be of either length.

    Without dashes it is the text itself. Empty when no NDC begins so.
    """
    labeler, *rest = text.split("-")
    if not all(part.isascii() and part.isdigit() for part in (labeler, *filter(None, rest))):
        return ()
    if not rest:
        return (text,) if len(text) <= 11 else ()
    product, *packages = rest
    whole = len(labeler) in (4, 5) and len(product) <= 4 and len(packages) <= 1
    if not whole or (len(labeler) == 4 and packages and len(product) < 4):
        return ()
    found = labeler.zfill(5)
    if not packages:
        short = len(labeler) == 5 and 0 < len(product) < 4
        return (found + product, f"{found}0{product}") if short else (found + product,)
    (package,) = packages
    if len(product) < 3 or len(package) > 2:
        return ()
    found += product.zfill(4)
    short = (len(labeler), len(product), len(package)) == (5, 4, 1)
    return (found + package, f"{found}0{package}") if short else (found + package,)
