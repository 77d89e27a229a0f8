"""Means, intervals and differences over seeds."""
