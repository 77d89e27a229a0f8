"""Which loss teaches what: an ablation pipeline for generators of diagnosis histories."""
