"""Delivery over HTTP: parse once into a typed value, make one call, answer."""
