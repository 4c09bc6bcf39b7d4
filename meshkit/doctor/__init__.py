"""Findings and repairs: what `diagnose` and `repair` are made of."""
