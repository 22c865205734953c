"""What several models are called, each otherwise than the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def told_apart(labels: Sequence[str | None], traits: Sequence[Mapping[str, str]]) -> list[str]:
    """A name for each model: its label; or its `model`, and those of its traits that others of that name do not share.

    Args:
        labels: as they were given.
        traits: by name, what may be shown of each model, the plainest first; `model` is always there.
    """
    out: list[str] = []
    for label, own in zip(labels, traits, strict=True):
        alike = [
            each for each, other in zip(traits, labels, strict=True) if not other and each["model"] == own["model"]
        ]
        differing = (key for key in own if len({each.get(key) for each in alike}) > 1)
        name = label or " ".join([own["model"], *(own[key] for key in differing)])
        numbered = (f"{name} #{number}" for number in range(2, len(out) + 2))
        out.append(name if label or name not in out else next(each for each in numbered if each not in out))
    return out
