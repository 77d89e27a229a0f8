"""The sentences of the loss analysis as claims, and what we expected instead: the one table of both.

Only `replica` is the analysed system; where a sentence recommends a repair, the pair that tells is named, in the
repaired form where the collapsed one could show nothing (a system that writes one code has no rates to change).
"""

from ehrgen.findings.verdicts.claims import Between, Claim, Harmless, Recovers, at_least, at_most
from ehrgen.findings.verdicts.losses import CONFLICTING, NEGLIGIBLE, SOLVED
from ehrgen.findings.verdicts.measures import Difference, ExtraTime, FromHistory, HeadParameters, Level, Measure
from ehrgen.leakage import LEAKY

REPLICA, REPAIRED, BASE = "replica", "replica_prompt_sampled", "multitask"
RULED, HEAVY_AGE = "replica_prompt_rules", "replica_prompt_heavy_age"
DOC = "docs/verdicts.md"
NEAR_PERFECT = at_least(0.995, "the analysis' own bound, line 271")
EXACT = at_most(1e-5, "the analysis' own bound, line 262")
TWOFOLD = Between(50.0, 200.0, "a factor of two either way")
QUARTER = Between(0.2, 0.35, "a fifth to a third")
EIGHTH = Between(0.1, 0.15, "an eighth, rounded out")
LEARNED, PULLS, PULLS_NOTHING = at_most(SOLVED, DOC), at_least(NEGLIGIBLE, DOC), at_most(NEGLIGIBLE, DOC)
AGAINST_LM, LEAKS, HONEST = at_least(-CONFLICTING * NEGLIGIBLE, DOC), at_least(LEAKY, DOC), at_most(LEAKY, DOC)
MOST, NEARLY_ALL = at_least(0.5, "half"), at_least(0.95, "95 %")
LARGER = at_least(0.0, "larger than both heads together")
FLAT, NONE = at_most(0.02, "2 %"), at_most(0.0, "none at all")
ONE_PERCENT, POINT = at_most(0.01, "under 1 %"), at_least(0.01, "one point")
COLLAPSED = at_most(0.05, "20 patients repeated have about that")
UNVARIED = at_most(0.05, "one patient in 400 differs by one")
COSTS = at_least(0.05, "5 % of the time")


def _history(quantity: str, objective: str, variant: str = REPLICA) -> Measure:
    return FromHistory(quantity, objective, variant)


def _change(metric: str, variant: str, against: str = REPLICA) -> Measure:
    return Difference(metric, variant, against)


SEX = (
    Claim(16, "sex = 0.000 (DEAD)", _history("value left", "sex"), LEARNED),
    Claim(21, "sex prediction task is trivial", _history("accuracy from codes alone", "sex"), NEAR_PERFECT),
    Claim(21, "near-perfect accuracy", _history("accuracy", "sex"), NEAR_PERFECT),
    Claim(28, "if patient has code X -> sex Y", _history("accuracy owed to codes", "sex"), MOST),
    Claim(29, "no meaningful gradient after epoch 13", _history("last share of the gradient", "sex"), PULLS_NOTHING),
    Claim(36, "100% medical validity", Level("sex_violations", REPLICA), NONE),
    Claim(36, "the sex loss gives validity", _change("sex_violations", "replica_no_sex"), POINT),
    Claim(37, "the sex loss has no diversity benefit", _change("coverage", "replica_no_sex"), Harmless()),
    Claim(38, "only stereotypical sex-specific codes", Level("sex_rule_patients", REPLICA), MOST),
    Claim(162, "NONE of these codes are sex-specific", Level("sex_rule_patients", REPLICA), ONE_PERCENT),
    Claim(163, "forced avoidance of sex codes", _change("sex_rule_patients", "replica_no_sex"), Recovers()),
    Claim(213, "sex-neutral codes contributed to mode collapse", _change("coverage", "replica_no_sex"), Recovers()),
    Claim(214, "use code rules in post-processing", _change("sex_violations", RULED, REPAIRED), Recovers(0.9)),
    Claim(215, "save computation", ExtraTime(REPLICA, "replica_no_sex"), COSTS),
    Claim(224, "curriculum: sex off after convergence", _change("sex_violations", "curriculum", "heads"), Harmless()),
    Claim(271, "accuracy > 99.5% explains it: no leak", _history("knowledge owed to the prompt", "sex"), HONEST),
)
AGE = (
    Claim(55, "age contributes 0.16% of total", _history("share of the loss", "age"), ONE_PERCENT),
    Claim(60, "contributes negligibly to optimization", _history("share of the gradient", "age"), PULLS_NOTHING),
    Claim(62, "magnitude ~100x smaller than LM", _history("value of lm / value", "age"), TWOFOLD),
    Claim(65, "gradient is 100x weaker than LM gradient", _history("gradient of lm / gradient", "age"), TWOFOLD),
    Claim(67, "why age-inappropriate codes still occur", _change("age_violations", HEAVY_AGE, REPAIRED), Recovers()),
    Claim(219, "0.05-0.1 is meaningful", _history("share of the gradient", "age", HEAVY_AGE), PULLS),
    Claim(220, "not helping at current weight", _change("age_violations", "no_age", BASE), Harmless()),
    Claim(237, "age-specific code frequency matching", _change("age_violations", "age_matching", BASE), Recovers()),
)
COOCCUR = (
    Claim(75, "all epochs ~3.66 (flat)", _history("drift", "cooccur"), FLAT),
    Claim(81, "27.74% of total", _history("share of the loss", "cooccur"), QUARTER),
    Claim(82, "second largest loss component", _history("share above both heads", "cooccur"), LARGER),
    Claim(87, "contributing significant gradient", _history("share of the gradient", "cooccur"), PULLS),
    Claim(94, "conflicting with LM loss objective", _history("pull against lm", "cooccur"), AGAINST_LM),
    Claim(168, "strongly rewards this combination", _change("top_code_share", "replica_no_cooccur"), Recovers()),
    Claim(169, "penalizes rare or novel code pairs", _change("effective_codes", "replica_no_cooccur"), Recovers()),
    Claim(207, "directly causing mode collapse", _change("coverage", "replica_no_cooccur"), Recovers()),
    Claim(207, "costs diversity, if it has a gradient", _change("coverage", "no_cooccur", BASE), Recovers()),
    Claim(209, "semantic coherence will improve WITHOUT it", _change("pair_r2", "replica_no_cooccur"), Recovers()),
    Claim(209, "coherence improves without one with a gradient", _change("pair_r2", "no_cooccur", BASE), Recovers()),
    Claim(239, "use mutual information instead of threshold", _change("pair_r2", "npmi", BASE), Recovers()),
    Claim(288, "cooccur dominates auxiliary signal", _history("gradient above both heads", "cooccur"), LARGER),
)
WHOLE = (
    Claim(117, "math is correct", _history("error of the sum", "lm"), EXACT),
    Claim(126, "only 31/6,985 unique codes", Level("coverage", REPLICA), COLLAPSED),
    Claim(127, "exactly 2 categories (never varies)", Level("categories_sd", REPLICA), UNVARIED),
    Claim(128, "top code 12.5%", Level("top_code_share", REPLICA), EIGHTH),
    Claim(183, "only LM loss is actively optimizing", _history("share of the gradient", "lm"), NEARLY_ALL),
    Claim(188, "auxiliary tasks failed their purpose", _change("pair_r2", "lm_only", BASE), Harmless()),
    Claim(195, "heads are 0.37% of the model", HeadParameters(REPLICA), ONE_PERCENT),
    Claim(197, "computes unused predictions every batch", ExtraTime(REPLICA, "replica_lm_only"), COSTS),
    Claim(233, "equalize gradient magnitudes", _change("coverage", "gradnorm", BASE), Recovers()),
    Claim(234, "normalize losses to same scale", _change("coverage", "uncertainty", BASE), Recovers()),
    Claim(241, "add explicit diversity loss", _change("coverage", "diversity", BASE), Recovers()),
    Claim(311, "LM loss ONLY to maximize diversity", _change("coverage", "replica_lm_only"), Recovers()),
    Claim(
        311, "LM loss only, other causes repaired", _change("coverage", "replica_prompt_lm_only", REPAIRED), Recovers()
    ),
    Claim(311, "LM loss only, of losses with a gradient", _change("coverage", "lm_only", BASE), Recovers()),
)
ANALYSIS = (*SEX, *AGE, *COOCCUR, *WHOLE)
EXPECTED = (
    Claim(0, "the observed co-occurrence has no gradient", _history("share of the gradient", "cooccur"), NONE),
    Claim(0, "the sex head reads its own prompt", _history("knowledge owed to the prompt", "sex"), LEAKS),
    Claim(0, "lm copies the record it is shown", _history("knowledge owed to the record", "lm"), LEAKS),
    Claim(0, "collapse: greedy decoding", _change("coverage", "replica_sampled"), Recovers()),
    Claim(0, "collapse: demographics withheld", _change("coverage", "replica_demographics"), Recovers()),
    Claim(0, "collapse: the record in the encoder", _change("coverage", "replica_prompt_encoder"), Recovers()),
    Claim(0, "collapse: untrained category expansion", _change("coverage", "replica_trained_expansion"), Recovers()),
    Claim(0, "decoding and conditioning explain most of it", _change("coverage", REPAIRED), Recovers(0.5)),
)
