"""What the page reads of each file that other stages wrote, so that a damaged one is refused before it is drawn."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from ehrgen.core.records import Record

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Shares = list[Share | None]  # None: not published
Lifts = list[Annotated[float, Field(ge=0)] | None]


class Estimated(Record):
    mean: float
    seeds: float  # written by `rounded`
    low: float | None = None
    high: float | None = None
    half_width: float | None = Field(default=None, ge=0)


class Difference(Estimated):
    outcome: str | None = None
    family: str | None = None
    p_corrected: Share | None = None
    endpoint_of: list[str] | None = None


class Point(Record):
    head: str
    text: str


class Comparison(Record):
    """reports/ablation.json."""

    reference: str
    patients: list[Count] = Field(min_length=1)
    variants: dict[str, dict[str, Estimated]]
    difference_from_reference: dict[str, dict[str, Difference]]
    anchors: dict[str, dict[str, float]]
    equivalence_margins: dict[str, float]
    objectives: dict[str, dict[str, dict[str, float]]]
    vacuous: dict[str, list[str]]
    remarks: list[str]
    summary: list[Point]

    @model_validator(mode="after")
    def _of_the_reference(self) -> Self:
        if not self.variants.get(self.reference):
            raise ValueError(f"variants has no measures of the reference, {self.reference}")
        return self


class Verdict(Record):
    verdict: str
    evidence: str
    seeds: dict[str, Count]
    not_checked: list[str]


class Claim(Record):
    verdict: str
    quote: str
    line: int | None
    measure: str
    margin: str
    mean: float | None = None
    seeds: int | None = None


class Findings(Record):
    """reports/findings.json."""

    objectives: dict[str, dict[str, Verdict]]
    claims: list[Claim] = Field(min_length=1)
    expectations: list[Claim] = Field(min_length=1)


class People(Record):
    patients: Annotated[int, Field(ge=1)]


class Quality(Record):
    """reports/quality.json."""

    source: str
    cohort: People


class Sides(Record):
    """Of each size its share, on both sides."""

    real: Shares
    synthetic: Shares

    @model_validator(mode="after")
    def _as_long(self) -> Self:
        if len(self.real) != len(self.synthetic):
            raise ValueError(f"{len(self.real)} real values and {len(self.synthetic)} synthetic ones")
        return self


class Codes(Sides):
    code: list[str]
    title: list[str]
    chapter: list[Count]

    @model_validator(mode="after")
    def _of_each_code(self) -> Self:
        if {len(self.code), len(self.title), len(self.chapter)} != {len(self.real)}:
            raise ValueError(f"{len(self.code)} codes, and not as many titles, chapters and shares")
        return self


class FarCodes(Record):
    """The codes farthest from real in one direction."""

    code: list[str]
    title: list[str]
    ratio: list[Annotated[float, Field(ge=1)]]
    real: list[Count | None]
    synthetic: list[Count | None]

    @model_validator(mode="after")
    def _of_each_code(self) -> Self:
        if len({len(column) for column in (self.code, self.title, self.ratio, self.real, self.synthetic)}) > 1:
            raise ValueError(f"{len(self.code)} odd codes, and not as many titles, ratios and counts")
        return self


class OddCodes(Record):
    too_often: FarCodes
    too_rarely: FarCodes


class Pairs(Record):
    """Lifts of the pairs below the diagonal."""

    labels: list[str]
    real: Lifts
    synthetic: Lifts

    @model_validator(mode="after")
    def _of_each_pair(self) -> Self:
        pairs = len(self.labels) * (len(self.labels) - 1) // 2
        if len(self.real) != pairs or len(self.synthetic) != pairs:
            raise ValueError(f"{len(self.labels)} labels, and not {pairs} pairs of them")
        return self


class Conditioning(Record):
    """Shares by chapter, sex and age."""

    chapters: list[Count]
    sexes: list[str]
    brackets: list[str]
    real: list[list[Shares]]
    synthetic: list[list[Shares]]

    @model_validator(mode="after")
    def _of_each_subgroup(self) -> Self:
        sizes = [len(self.chapters), len(self.sexes), len(self.brackets)]
        for side in (self.real, self.synthetic):
            widths = {len(shares) for by_sex in side for shares in by_sex}
            if len(side) != sizes[0] or any(len(by_sex) != sizes[1] for by_sex in side) or widths - {sizes[2]}:
                raise ValueError(f"not shares of {sizes[0]} chapters, {sizes[1]} sexes and {sizes[2]} ages")
        return self


class Distances(Record):
    edges: list[float]
    train: Shares
    heldout: Shares

    @model_validator(mode="after")
    def _of_each_step(self) -> Self:
        if {len(self.train), len(self.heldout)} != {len(self.edges) - 1}:
            raise ValueError(f"not shares of the {len(self.edges) - 1} steps between {len(self.edges)} edges")
        return self


class Portrayed(Record):
    """reports/portraits/VARIANT/SEED.json."""

    patients: Annotated[int, Field(ge=1)]
    chapters: list[str]
    codes: Codes
    odd_codes: OddCodes
    chapter_pairs: Pairs
    category_pairs: Pairs
    visits_per_patient: Sides
    codes_per_visit: Sides
    conditioning: Conditioning
    distances: Distances

    @model_validator(mode="after")
    def _of_known_chapters(self) -> Self:
        if any(chapter >= len(self.chapters) for chapter in (*self.codes.chapter, *self.conditioning.chapters)):
            raise ValueError(f"codes or conditioning are of other chapters than the {len(self.chapters)}")
        return self
