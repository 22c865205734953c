"""The logprob explorer: how sure a model was of each token, and what else it might have said."""
