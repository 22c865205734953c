"""Floor 2: flows, generators that yield chunks for the reader and effects for the driver. No network, no clock."""
