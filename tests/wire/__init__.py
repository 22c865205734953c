"""Framings and codecs: no network, no clock."""
