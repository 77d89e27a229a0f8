"""New patients from a trained model: demographics in, a cohort out.

Decoding is batched with a key-value cache; patients that have ended leave the batch. The grammar is a mask, the
same one training used: no visit ends empty, no code comes twice within a visit (`no_repeats`), and a history as
long as `max_tokens` ends.

Axes: B patients still being written, S symbols.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from transformers import DynamicCache, EncoderDecoderCache

from ehrgen.data.cohort import SEXES, Cohort
from ehrgen.data.icd9 import codes as icd9
from ehrgen.data.people import draw_people
from ehrgen.data.sequences.vocabulary import BOS, EOS, FIRST_CODE, FIRST_SYMBOL, SPECIAL_CLASSES, VISIT, Vocabulary
from ehrgen.learning.machine import processes
from ehrgen.learning.machine.device import Machine
from ehrgen.learning.model.class_tree import FORBIDDEN, Forbidden
from ehrgen.learning.model.context import Context
from ehrgen.learning.model.draws import draw_index
from ehrgen.learning.model.prompt_bart import PromptBart
from ehrgen.learning.model.symbol_sets import SymbolSets
from ehrgen.learning.settings import SamplingSettings

END = EOS - FIRST_SYMBOL


def sample_cohorts(
    model: PromptBart, people: pd.DataFrame, settings: SamplingSettings, seed: int, machine: Machine
) -> list[Cohort]:
    """`settings.samples` cohorts of equal size, each of people drawn anew from `people`.

    Whom, and the random numbers, are decided by both seeds and the number of the sample alone: every model of one seed
    gets the same.

    Args:
        seed: That of the training.
    """
    cohorts = []
    for number in range(settings.samples):
        rng = np.random.default_rng([settings.seed, seed, 2, number])
        drawn = draw_people(people, settings.patients, rng)
        cohorts.append(sample_cohort(model, drawn, settings, int(rng.integers(2**31)), machine))
    return cohorts


def sample_cohort(
    model: PromptBart, people: pd.DataFrame, settings: SamplingSettings, seed: int, machine: Machine
) -> Cohort:
    """One synthetic patient for every row (sex, age_years) of `people`.

    Several processes write patients of their own side by side, all with the numbers of one random stream, so that
    they write what one process would; each returns all patients.
    """
    model = model.placed(machine).eval()
    generator = torch.Generator(machine.device).manual_seed(seed)
    rows = []
    for start in range(0, len(people), settings.batch_patients):
        stop = min(start + settings.batch_patients, len(people))
        edges = np.linspace(start, stop, processes.count() + 1).round().astype(int)
        first, past = edges[processes.number() : processes.number() + 2]
        owner, step, token = write_histories(model, people.iloc[first:past], settings, generator, machine)
        rows.append(np.stack([owner + first, step, token], axis=1))
    table = pd.DataFrame(_of_all(np.concatenate(rows), machine), columns=["patient_id", "step", "token"])
    return _cohort(people, table, model.vocabulary)


def _of_all(rows: Int[np.ndarray, "R 3"], machine: Machine) -> Int[np.ndarray, "A 3"]:
    """The rows of all processes, process by process."""
    own = torch.from_numpy(rows).to(machine.device).flatten()
    return torch.cat(processes.gathered(own, processes.of_each(len(own), machine.device))).view(-1, 3).cpu().numpy()


@torch.inference_mode()
def write_histories(
    model: PromptBart,
    people: pd.DataFrame,
    settings: SamplingSettings,
    generator: torch.Generator,
    machine: Machine,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(row of `people`, step, token) of every token written, `<visit>` included, `<eos>` left out."""
    open_ = _OpenHistories.start(model, people, settings, machine)
    written: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    limit = min(settings.max_tokens, model.max_tokens) - 1
    for step in range(limit):
        symbol = open_.next_symbol(model, settings, machine, generator)
        going = symbol != END
        open_ = open_.kept(going, symbol[going] + FIRST_SYMBOL)
        token = open_.token.squeeze(1).cpu().numpy()
        written.append((open_.row.cpu().numpy(), np.full(len(token), step), token))
        if not any(processes.of_each(len(token), machine.device)):
            break
    owner, steps, tokens = (np.concatenate(parts) for parts in zip(*written, strict=True))
    return owner, steps, tokens


def is_plain(settings: SamplingSettings) -> bool:
    """Whether symbols are drawn from the model's distribution as it is."""
    return not settings.greedy and settings.temperature == settings.top_p == 1


def draw(log_prob: Float[Tensor, "B S"], settings: SamplingSettings, generator: torch.Generator) -> Int[Tensor, " B"]:
    """One symbol a patient: the likeliest, or at random after temperature and nucleus truncation."""
    if settings.greedy:
        return log_prob.argmax(dim=-1)
    if settings.temperature != 1:
        log_prob = torch.log_softmax(log_prob / settings.temperature, dim=-1)
    if settings.top_p < 1:
        log_prob = _nucleus(log_prob, settings.top_p)
    return draw_index(log_prob, generator)


def _nucleus(log_prob: Float[Tensor, "B S"], top_p: float) -> Float[Tensor, "B S"]:
    """The smallest set of symbols whose probability reaches `top_p`.

    Source:
        Holtzman et al. (2020), The Curious Case of Neural Text Degeneration.
    """
    ordered, index = log_prob.sort(dim=-1, descending=True)
    before = ordered.exp().cumsum(-1) - ordered.exp()
    barred = torch.zeros_like(log_prob, dtype=torch.bool).scatter(-1, index, before >= top_p)
    return log_prob.masked_fill(barred, FORBIDDEN)


@dataclass
class _OpenHistories:
    """The patients still being written: their inputs, cache and the codes of the visit they are in."""

    row: Int[Tensor, " B"]
    token: Int[Tensor, "B 1"]
    age: Float[Tensor, " B"] | None
    sex: Int[Tensor, " B"] | None
    encoded: tuple[Float[Tensor, "B E D"], Bool[Tensor, "B E"]]
    cache: EncoderDecoderCache
    used: SymbolSets
    last: SymbolSets
    earlier: SymbolSets
    """Symbols of the open visit, of the one before it, and of those before that."""
    number: Int[Tensor, " B"]
    """Of the open visit, from 0."""
    barred: Bool[Tensor, "B S"] | None
    of_patient: Float[Tensor, "B D"] | None
    prompts_read: bool = False
    """Whether the decoder has had the prompts, which come before the first token."""

    @classmethod
    def start(cls, model: PromptBart, people: pd.DataFrame, settings: SamplingSettings, machine: Machine) -> Self:
        """Everybody at `<bos>`, the encoder run once."""
        device, width = machine.device, model.bart.shared.embedding_dim
        age = sex = barred = None
        if settings.demographics:
            age = torch.tensor(people["age_years"].to_numpy(dtype=np.float32), device=device)
            sex = torch.tensor(np.searchsorted(SEXES, people["sex"].to_numpy(dtype=str)), device=device)
        if settings.rule_edits:
            barred = torch.tensor(broken_rules(model.vocabulary, people), device=device)
        nothing = SymbolSets.empty(len(model.vocabulary) - FIRST_SYMBOL, device)
        token = torch.full((len(people), 1), BOS, device=device)
        encoded = (torch.zeros(0, 1, width, device=device), torch.zeros(0, 1, dtype=torch.bool, device=device))
        if len(people):
            with machine.autocast():
                encoded = model.encode(token, age, sex)
        return cls(
            row=torch.arange(len(people), device=device),
            token=token,
            age=age,
            sex=sex,
            encoded=encoded,
            cache=EncoderDecoderCache(DynamicCache(), DynamicCache()),
            used=nothing,
            last=nothing,
            earlier=nothing,
            number=torch.zeros(len(people), dtype=torch.long, device=device),
            barred=barred,
            of_patient=model.readout.patients(age, sex),
        )

    def next_symbol(
        self, model: PromptBart, settings: SamplingSettings, machine: Machine, generator: torch.Generator
    ) -> Int[Tensor, " B"]:
        """The next symbol of every patient, grammar applied.

        A plain draw takes the class first and scores only its symbols; anything else needs all of them.
        """
        age, sex = (None, None) if self.prompts_read else (self.age, self.sex)
        self.prompts_read = True
        with machine.autocast():
            states = self.encoded[0][:, -1]  # of nobody, if only other processes still write
            if len(self.token):
                decoded = model.decode(self.token, age, sex, self.encoded, past_key_values=self.cache, use_cache=True)
                states = decoded[:, -1]
            states = model.readout(states, self.of_patient, self.used.row, self.used.symbol)
            closed = self._closed(settings.no_repeats)
            direct = None
            if model.direct is not None:
                direct = model.direct.at(
                    Context.of_open(self.used, self.last, self.earlier, self.number, self.age, self.sex)
                )
            forbidden = Forbidden(closed.row, closed.symbol, self.token.squeeze(1) < FIRST_CODE)
            if is_plain(settings):
                return model.distribution.draw(states, forbidden, generator, direct)
            return draw(model.distribution.symbols(states, forbidden, direct), settings, generator)

    def kept(self, going: Bool[Tensor, " B"], token: Int[Tensor, " C"]) -> Self:
        """The patients that go on, with their next input."""
        if not bool(going.all()):
            index = going.nonzero().squeeze(1)
            self.cache.batch_select_indices(index)
            for name in ("used", "last", "earlier"):
                setattr(self, name, getattr(self, name).renumbered(going))
            for name in ("row", "age", "sex", "number", "barred", "of_patient"):
                value = getattr(self, name)
                setattr(self, name, None if value is None else value[index])
            self.encoded = (self.encoded[0][index], self.encoded[1][index])
        self.token = token[:, None]
        ended = token == VISIT
        if bool(ended.any()):
            self.earlier = self.earlier.joined(self.last.of_rows(ended))
            self.last = self.last.of_rows(~ended).joined(self.used.of_rows(ended))
            self.used = self.used.of_rows(~ended)
            self.number += ended
        code = (token >= FIRST_CODE).nonzero().squeeze(1)
        self.used = self.used.having(code, token[code] - FIRST_SYMBOL)
        return self

    def _closed(self, no_repeats: bool) -> SymbolSets:
        """Which symbols may not come: used in this visit, or against a rule."""
        closed = self.used if no_repeats else SymbolSets.empty(self.used.symbols, self.token.device)
        return closed if self.barred is None else closed.having(*self.barred.nonzero(as_tuple=True))


def broken_rules(vocabulary: Vocabulary, people: pd.DataFrame) -> np.ndarray:
    """[people, symbols]: whether a code breaks a Medicare sex or age edit for that person."""
    edits = icd9.edits(np.array(vocabulary.codes, dtype=str))
    sex, age = people["sex"].to_numpy(dtype=str)[:, None], people["age_years"].to_numpy()[:, None]
    required = edits["sex_required"].to_numpy(dtype=str)
    whole = np.floor(age)
    wrong = (required != "") & (required != sex)
    wrong |= (whole < edits["age_min"].to_numpy()) | (whole > edits["age_max"].to_numpy())
    return np.pad(wrong, ((0, 0), (SPECIAL_CLASSES, 0)))


def _cohort(people: pd.DataFrame, rows: pd.DataFrame, vocabulary: Vocabulary) -> Cohort:
    is_visit = rows["token"] == VISIT
    rows = rows.sort_values(["patient_id", "step"], kind="stable")
    visit = is_visit.loc[rows.index].groupby(rows["patient_id"]).cumsum()
    diagnoses = rows.assign(visit=visit, position=rows["step"])[rows["token"] >= FIRST_CODE]
    diagnoses = diagnoses.assign(code=vocabulary.decode(diagnoses["token"].to_numpy()))
    patients = people.reset_index(drop=True).assign(patient_id=np.arange(len(people)), split="synthetic")
    return Cohort.from_rows(patients, diagnoses)
