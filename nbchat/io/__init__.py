"""Floor 3: the world. Transport, the two drivers, fan-out, caches, limiter, and the bridge to a running loop."""
