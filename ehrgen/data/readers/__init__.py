"""Sources of real patients, each read into the one Cohort."""
