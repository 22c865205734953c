"""The chat panel: a conversation to type into."""
