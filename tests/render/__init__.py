"""Rendering of answers: safety, looks while growing, formulas."""
