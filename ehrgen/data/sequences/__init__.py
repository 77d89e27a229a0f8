"""Histories as symbols, and how often codes meet."""
