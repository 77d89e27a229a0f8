"""A cohort in the forms that metrics read."""
