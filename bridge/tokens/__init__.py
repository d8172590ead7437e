"""Serving access tokens: one refresh however many ask, whatever Google answers."""
