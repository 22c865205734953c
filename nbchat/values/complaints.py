"""What is wrong with a value, in words that name its fields."""

from __future__ import annotations

from pydantic import ValidationError


def complaints(error: ValidationError, field: str = "field") -> list[str]:
    """One text for each problem: `'cast.0.name' is missing`, `'year': Input should be …, not 'soon'`."""
    out = []
    for problem in error.errors(include_url=False, include_context=False):
        where = ".".join(str(step) for step in problem["loc"])
        match problem["type"]:
            case "missing":
                out.append(f"{where!r} is missing")
            case "extra_forbidden":
                out.append(f"there is no {field} {where!r}")
            case _ if not where:
                out.append(problem["msg"])
            case _:
                out.append(f"{where!r}: {problem['msg']}, not {problem['input']!r:.80}")
    return out
