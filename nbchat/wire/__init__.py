"""Floor 1: what goes over the wire, and how it is read. No network, no clock."""
