"""Sealing, keyed hashing and the hook's encryption: mechanisms that know bytes, not grants."""
