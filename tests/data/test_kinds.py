from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from ehrgen.core.params import ParamsError
from ehrgen.data.readers import kinds
from ehrgen.data.readers.quality import ReaderError
from ehrgen.data.readers.source import ONE_FILE, check, files_of
from ehrgen.data.settings import CohortSettings
from ehrgen.release import meds as meds_writer
from ehrgen.release import mimic3_tables
from ehrgen.release.card import SOURCES
from ehrgen.release.timeline import Timeline
from tests.support.cohorts import cohort
from tests.support.sources import NINE, write_mimic4, write_omop

PATIENTS = cohort([["0389 4019", "486"], ["V3000"]], "FM", [60.0, 0.0])


def source(kind: str, folder: Path) -> Path:
    """The same two patients, or others, as each kind of source."""
    timeline = Timeline.of(PATIENTS, np.random.default_rng(0))
    match kind:
        case "mimic3":
            mimic3_tables.write(PATIENTS, timeline, folder)
        case "mimic4":
            write_mimic4(folder, NINE, below="hosp")
        case "meds":
            meds_writer.write(PATIENTS, timeline, "some", np.random.default_rng(0), folder)
        case "omop":
            write_omop(folder)
        case "nhds":
            (folder / "file.txt").write_text((f"1101501{'1' * 20}0389-4019-".ljust(102, "-") + "1" * 48 + "\n") * 2)
            return folder / "file.txt"
        case "long":
            (folder / "file.csv").write_text("patient,visit,code,sex,age\n1,1,0389,F,60\n")
            return folder / "file.csv"
        case "cohort":
            PATIENTS.save(folder / "cohort")
            return folder / "cohort"
    return folder


KINDS = [name for name in kinds.KINDS if name not in kinds.ALIKE]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_known_by_its_files_and_read(tmp_path, kind):
    path = source(kind, tmp_path)
    assert kinds.kind_of(path) == kind
    found, _ = kinds.read(kind, path)
    judged, _ = kinds.read_judged(path)
    pd.testing.assert_frame_equal(found.diagnoses, judged.diagnoses)


@pytest.mark.parametrize("kind", KINDS)
def test_the_wrong_kind_says_which_it_seems_to_be(tmp_path, kind):
    path = source(kind, tmp_path)
    for wrong in set(kinds.KINDS) - {kind} - set(kinds.ALIKE):
        with pytest.raises(ReaderError, match=f"seem to be {kinds.KINDS[kind].title}.*set cohort.source to {kind}"):
            kinds.read(wrong, path)


@pytest.mark.parametrize("kind", ["mimic3", "meds", "omop", "long"])
def test_codes_that_nobody_bills_are_doubted_in_real_patients_and_judged_in_others(tmp_path, kind):
    odd = cohort([["401 402"] * 3] * 5, "FMFMF", [60.0] * 5)
    timeline = Timeline.of(odd, np.random.default_rng(0))
    match kind:
        case "mimic3":
            mimic3_tables.write(odd, timeline, tmp_path)
        case "meds":
            meds_writer.write(odd, timeline, "some", np.random.default_rng(0), tmp_path)
        case "omop":
            write_omop(tmp_path)
            table = pd.read_csv(tmp_path / "condition_occurrence.csv", dtype=str)
            table = pd.concat([table.assign(condition_source_value="401")] * 20)
            table.to_csv(tmp_path / "condition_occurrence.csv", index=False)
        case "long":
            rows = odd.diagnoses.merge(odd.patients.assign(age=60)).rename(columns={"patient_id": "patient"})
            rows.to_csv(tmp_path / "file.csv", index=False)
    path = tmp_path / "file.csv" if kind == "long" else tmp_path
    with pytest.raises(ReaderError, match="are categories or cut codes, which nobody can bill"):
        kinds.read(kind, path)
    assert set(kinds.read_judged(path)[0].diagnoses["code"]) <= {"401", "402"}


FROM_FILES = sorted(set(KINDS) - {"cohort"})


@pytest.mark.parametrize("kind", FROM_FILES)
@pytest.mark.parametrize("wrong", sorted(set(kinds.KINDS) - {"cohort"}))
def test_the_files_of_one_source_named_for_another_are_known_as_what_they_are(tmp_path, kind, wrong):
    """As cohort.files names them, of all pairs; a source of one file tells by the names, before any is read."""
    path = source(kind, tmp_path)
    files = [path] if path.is_file() else files_of(path, kind)
    cohort = {"source": wrong, "files": [str(file) for file in files]}
    if kind == kinds.ALIKE.get(wrong, wrong):
        check(cohort, "params.yaml")
        assert len(kinds.read(wrong, files if kind not in ONE_FILE else files[0])[0]) > 0
    else:
        with pytest.raises((ParamsError, ReaderError), match=rf"these (seem to be|have the names of).*\b{kind}\b"):
            check(cohort, "params.yaml")
            kinds.read(wrong, files)


def test_mimic_iv_renamed_to_look_like_mimic_iii_is_known_by_the_version_of_its_codes(tmp_path):
    folder = source("mimic3", tmp_path)
    rows = pd.read_csv(folder / "DIAGNOSES_ICD.csv", dtype=str).assign(icd_version="10", ICD9_CODE="E1065")
    rows.to_csv(folder / "DIAGNOSES_ICD.csv", index=False)
    with pytest.raises(ReaderError, match=r"column icd_version: .* values are not 9, as icd9_code says"):
        kinds.read("mimic3", folder)


def test_what_is_nothing_known(tmp_path):
    (tmp_path / "notes.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ReaderError, match="neither of the kinds that can be read: tables of MIMIC-III, "):
        kinds.read_judged(tmp_path / "notes.csv")
    with pytest.raises(ReaderError, match="neither of the kinds"):
        kinds.read_judged(tmp_path)
    with pytest.raises(ReaderError, match="No such file"):
        kinds.read_judged(tmp_path / "absent")


def test_every_source_of_the_settings_has_a_reader_and_a_sentence_in_the_card():
    named = set(get_args(CohortSettings.model_fields["source"].annotation))
    assert named - {"simulated"} == set(kinds.KINDS) - {"cohort"}
    assert named == set(SOURCES)
