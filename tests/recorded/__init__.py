"""Real providers' traffic, replayed."""
