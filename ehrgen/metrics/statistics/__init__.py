"""Measures of agreement and small models, that know nothing of patients."""
