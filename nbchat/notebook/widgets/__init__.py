"""Widgets: the chat panel, the comparison and the logprob explorer. Python holds the truth, the page only draws it."""
