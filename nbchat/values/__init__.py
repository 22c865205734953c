"""Floor 0: plain values. No network, no clock, no notebook."""
