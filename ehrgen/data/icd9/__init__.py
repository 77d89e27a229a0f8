"""ICD-9-CM: categories, chapters, titles, sex and age edits."""
