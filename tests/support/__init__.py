"""Helpers that drive programs, Redis servers and the network between them."""
