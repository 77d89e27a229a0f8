from ehrgen.findings.page import trainings
from tests.support.html import Reading
from tests.support.page_inputs import MANIFEST


def test_versions_that_differ_are_counted():
    other = MANIFEST | {"machine": MANIFEST["machine"] | {"torch": "2.14.0"}}
    text = Reading(trainings.machines({"base": {0: MANIFEST, 1: other}, "less": {0: MANIFEST}})).text
    assert "torch2.13.0 (2), 2.14.0 (1)" in text and "devicex86_64" in text and "x86_64 (" not in text


def test_a_row_a_training():
    read = Reading(trainings.trainings({"base": {1: MANIFEST, 0: MANIFEST}}))
    assert "base02649,844560123abcdbase12" in read.text
    assert len(read.all("tr")) == 3


def test_none_found_is_said():
    assert "No manifest" in Reading(trainings.machines({})).text
