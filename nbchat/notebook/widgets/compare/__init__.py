"""The comparison: the same prompts to several models, and a vote for the best."""
