"""Misspelt arguments are told, and whatever else a provider takes is left alone."""

from __future__ import annotations

import pytest

from nbchat.values.complaints import check_spelling
from nbchat.values.errors import ConfigurationError

OWN = ("model", "label", "blind", "sample", "prompt")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("blid", "is blind= meant"),
        ("tempretaure", "is temperature= meant"),
        ("temp", "is temperature= meant"),
        ("maxTokens", "is max_tokens= meant"),
        ("topp", "is top_p= meant"),
        ("max", "is max_retries= or max_tokens= meant"),
    ],
)
def test_a_name_that_reads_like_another_is_refused(name: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"there is no argument {name}=; {meant}"):
        check_spelling(["temperature", name], OWN)


def test_parameters_of_providers_are_no_mistakes() -> None:
    names = """n k p user store top_a top_k min_p typ_p speed effort labels models samplers min_tokens max_new_tokens
        max_completion_tokens max_output_tokens prompt_logprobs n_probs reasoning_effort repeat_penalty stop_sequences
        repetition_penalty random_seed metadata thinking tool_config prompt_cache_key num_ctx stream_options"""
    check_spelling(names.split(), OWN)
