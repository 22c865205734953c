"""Floor 4: the models people call, their tools, callbacks and conversations."""
