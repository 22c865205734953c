"""Renderers: plain values to safe, quiet HTML. Pure: no display, no network."""
