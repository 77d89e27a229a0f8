"""The part of the suite that asks what synthetic patients are good for and whom they give away; see `suite`."""

import math

from ehrgen.metrics.table.metric import Metric

C2ST = "Lopez-Paz and Oquab (2017), Classifier two-sample tests, https://arxiv.org/abs/1610.06545"
RGAN = "Esteban et al. (2017), RGAN, https://arxiv.org/abs/1706.02633"
CARLINI = "Carlini et al. (2022), Membership inference attacks from first principles, https://arxiv.org/abs/2112.03570"
DOMIAS = "van Breugel et al. (2023), DOMIAS, https://arxiv.org/abs/2302.12580"
YALE = "Yale et al. (2020), https://doi.org/10.1016/j.neucom.2019.12.136"
PLATZER = "Platzer and Reutterer (2021), https://doi.org/10.3389/fdata.2021.679939"
MEDGAN = "Choi et al. (2017), medGAN, https://arxiv.org/abs/1703.06490"
EXTRACTION = "Carlini et al. (2021), Extracting training data, https://arxiv.org/abs/2012.07805"
NATS = "mean negative log-likelihood"
INTERVAL = "percentile bootstrap over patients"
INF = math.inf
ALL = ("heldout", "synthetic", "train")
STATED = ("likelihood",)

# Minimum: 1,100 patients for what counts 1 % of them, since fewer than 11 are not reported on.
USES_AND_RISKS: dict[str, Metric] = {
    "c2st_auc": Metric("detection", "AUROC", 0.0, 1.0, "lower", 0.5, 100, C2ST, headline=True),
    "c2st_codes_auc": Metric("detection", "AUROC", 0.0, 1.0, "lower", 0.5, 100, C2ST),
    "c2st_structure_auc": Metric("detection", "AUROC", 0.0, 1.0, "lower", 0.5, 100, C2ST),
    "c2st_repeats_auc": Metric("detection", "AUROC", 0.0, 1.0, "lower", 0.5, 100, C2ST),
    "tstr_auroc": Metric("utility", "AUROC", 0.0, 1.0, "match", None, 500, RGAN, headline=True, floor_at_least=0.6),
    "tstr_auroc_half_width": Metric("utility", "AUROC", 0.0, 0.5, "match", None, 500, INTERVAL, beside="tstr_auroc"),
    "tstr_auprc": Metric("utility", "AUPRC", 0.0, 1.0, "match", None, 500, RGAN),
    "tstr_auprc_half_width": Metric("utility", "AUPRC", 0.0, 0.5, "match", None, 500, INTERVAL, beside="tstr_auprc"),
    "tstr_next_auroc": Metric("utility", "AUROC", 0.0, 1.0, "match", None, 500, RGAN, floor_at_least=0.6),
    "tstr_next_auprc": Metric("utility", "AUPRC", 0.0, 1.0, "match", None, 500, RGAN, beside="tstr_next_auroc"),
    "tstr_second_auroc": Metric("utility", "AUROC", 0.0, 1.0, "match", None, 500, RGAN, floor_at_least=0.6),
    "trts_auroc": Metric("utility", "AUROC", 0.0, 1.0, "match", None, 500, RGAN, floor_at_least=0.6, uses=ALL),
    "trts_auprc": Metric("utility", "AUPRC", 0.0, 1.0, "match", None, 500, RGAN, uses=ALL),
    "augmentation_auroc": Metric("utility", "AUROC", -1.0, 1.0, "match", None, 500, RGAN, uses=ALL),
    "augmentation_auprc": Metric("utility", "AUPRC", -1.0, 1.0, "match", None, 500, RGAN, uses=ALL),
    "membership_auc": Metric("privacy", "AUROC", 0.0, 1.0, "lower", 0.5, 100, CARLINI, headline=True, uses=ALL),
    "membership_auc_half_width": Metric(
        "privacy", "AUROC", 0.0, 0.5, "match", None, 100, INTERVAL, beside="membership_auc", uses=ALL
    ),
    "membership_tpr": Metric("privacy", "share", 0.0, 1.0, "lower", 0.01, 1100, CARLINI, uses=ALL),
    "density_membership_auc": Metric("privacy", "AUROC", 0.0, 1.0, "lower", 0.5, 100, DOMIAS, uses=ALL),
    "density_membership_tpr": Metric("privacy", "share", 0.0, 1.0, "lower", 0.01, 1100, DOMIAS, uses=ALL),
    "adversarial_accuracy": Metric("privacy", "share", 0.0, 1.0, "match", None, 100, YALE, uses=ALL),
    "nnaar": Metric("privacy", "share", -1.0, 1.0, "lower", 0.0, 100, YALE, uses=ALL),
    "dcr_share": Metric("privacy", "share", 0.0, 1.0, "lower", 0.5, 100, PLATZER, uses=ALL),
    "attribute_inference": Metric("privacy", "F1", -1.0, 1.0, "lower", 0.0, 100, MEDGAN, uses=ALL),
    "memorised_records": Metric("privacy", "share", -1.0, 1.0, "lower", 0.0, 100, EXTRACTION, uses=ALL),
    "memorised_run": Metric("privacy", "visits", -INF, INF, "lower", 0.0, 100, EXTRACTION, uses=ALL),
    "nll_per_code": Metric("likelihood", "nats", 0.0, INF, "lower", None, 11, NATS, uses=STATED),
    "bits_per_patient": Metric("likelihood", "bits", 0.0, INF, "lower", None, 11, NATS, uses=STATED),
    "likelihood_membership_auc": Metric("likelihood", "AUROC", 0.0, 1.0, "lower", 0.5, 100, CARLINI, uses=STATED),
    "likelihood_membership_tpr": Metric("likelihood", "share", 0.0, 1.0, "lower", 0.01, 1100, CARLINI, uses=STATED),
}
