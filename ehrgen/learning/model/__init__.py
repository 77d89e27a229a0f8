"""Prompts and history in, distributions out."""
