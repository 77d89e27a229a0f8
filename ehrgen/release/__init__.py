"""How do generated patients leave? Requests, invented dates, and the tables of MIMIC-III and MEDS."""
