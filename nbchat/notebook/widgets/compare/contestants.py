"""Who is compared: models, or one model with different parameters, each under a name of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nbchat.frame.answerer import Answerer, answerers
from nbchat.frame.labels import told_apart
from nbchat.model.showable import shown
from nbchat.model.verbs import Verbs
from nbchat.values.complaints import check_spelling
from nbchat.values.errors import ConfigurationError
from nbchat.values.messages import AIMessage, HumanMessage, Message, SystemMessage


@dataclass(frozen=True, eq=False)
class Contestant:
    """A model under a name of its own, with instructions of its own where it has some."""

    label: str
    answerer: Answerer
    system: str | None = None

    @property
    def model(self) -> Verbs[AIMessage]:
        """The model that is asked."""
        return self.answerer.model

    def messages(self, prompt: str) -> list[Message]:
        """The conversation that asks this prompt."""
        return [*([SystemMessage(self.system)] if self.system else []), HumanMessage(prompt)]


def contestants(models: Any, system: str | None, params: Mapping[str, Any]) -> list[Contestant]:
    """Contestants of names, models, or dicts of `model`, parameters, `system` and `label`; in a list, or by label.

    Those without a label are called by their model, and where that is the same, by what differs.

    Raises:
        ConfigurationError: no model can be made of one of these, or two have one label, or a parameter is misspelt.
    """
    if not isinstance(models, Mapping | list | tuple):
        raise ConfigurationError("Compare takes a list of models, as in Compare(['openai:gpt-5-nano', 'local:…'])")
    labelled = list(models.items()) if isinstance(models, Mapping) else [(None, each) for each in models]
    made, labels, systems = [], [], []
    for label, given in labelled:
        own = dict(given) if isinstance(given, Mapping) else {"model": given}
        labels.append(own.pop("label", label))
        systems.append(own.pop("system", system))
        model = own.pop("model", None)
        check_spelling(own, ("model", "label", "system"))
        if not isinstance(model, str | Verbs):
            raise ConfigurationError(f"a contestant is a model, its name, or a dict with 'model', not {given!r:.80}")
        made.append(answerer_of(model, {**params, **own}))
    for kind, texts in (("label", labels), ("system", systems)):
        for text in texts:
            if text is not None and not isinstance(text, str):
                raise ConfigurationError(f"a contestant's {kind} is a text, not {text!r:.80}")
    named = told_apart(labels, [_traits(each, text) for each, text in zip(made, systems, strict=True)])
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise ConfigurationError(f"each contestant needs a label of its own; {', '.join(twice)} is there twice")
    return [Contestant(*each) for each in zip(named, made, systems, strict=True)]


def answerer_of(model: Any, options: Mapping[str, Any]) -> Answerer:
    """A model, or one by name, with these parameters; it answers with text.

    Raises:
        ConfigurationError: there is no such model, or it answers with values of a schema.
    """
    (made,) = answerers(model, options=options)
    if made.form is not None:
        raise ConfigurationError(f"{made.label} answers with values of a schema, and Compare is for texts")
    return made


def _traits(answerer: Answerer, system: str | None) -> dict[str, str]:
    """What tells contestants apart, the plainest first."""
    options = shown(getattr(answerer.model, "options", {}))
    own = {key: f"{key}={value:.24}" for key, value in options.items()}
    told = {} if system is None else {"system": f"“{system[:28]}{'…' * (len(system) > 28)}”"}
    return {"model": answerer.model_name or "model", "provider": f"({answerer.provider})", **own, **told}
