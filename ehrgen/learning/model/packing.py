"""BART over real positions alone: patients of all lengths in one pass, with padding inside the attention products only.

The modules and weights are those of transformers' BART, and so is the result, up to the order of sums. What works
position by position (projections, norms, feed-forward layers, dropout) runs on the flat axis, patient after patient.
Attention runs on groups of patients of similar length, so that no patient can see another: they share no product.

Three patients a, b and c of 3, 1 and 2 positions; b and c, whose lengths are similar, share the first group:

    flat axis            a0 a1 a2 b0 c0 c1
    position              0  1  2  3  4  5
    patient_of_position   0  0  0  1  2  2
    index_in_patient      0  1  2  0  0  1
    slot_of_position      4  5  6  0  2  3

    groups               first: 2 patients of 2 slots    second: 1 patient of 3 slots
                          b0 --                           a0 a1 a2
                          c0 c1
    slot                   0  1  2  3                      4  5  6
    position_of_slot       3  6  4  5                      0  1  2        6, one past the last position: padding

An index named `x_of_y` has an entry for every y, which is an x. Every `x_of_y` comes with its inverse `y_of_x`.

Why not rows of several patients under a block-diagonal mask: in the default cohort the scores of rows of 256 are eight
times as many as those of groups, and almost all of them are masked.

Axes: B patients, L flat positions (prompts included), E those of the encoder, N tokens, M slots of all groups, D state,
P patients of a group, Q and K slots of one of its patients (as queries and as keys), H heads of h = D / H.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor
from torch.nn.functional import linear, pad, scaled_dot_product_attention
from transformers.models.bart.modeling_bart import BartAttention, BartDecoder, BartEncoder

from ehrgen.learning.model.dropout import dropout


@dataclass(frozen=True)
class Group:
    """Patients of similar length in one padded block."""

    patients: int
    longest: int
    padding: Float[Tensor, "P 1 1 K"] | None
    """Added to the scores of its slots as keys: -inf where there is no position; None if every slot has one."""

    @property
    def slots(self) -> int:
        return self.patients * self.longest


@dataclass(frozen=True)
class Layout:
    """Where the positions of patients lie: one after the other on the flat axis, and in padded groups."""

    patient_of_position: Int[Tensor, " L"]
    index_in_patient: Int[Tensor, " L"]
    slot_of_position: Int[Tensor, " L"]
    position_of_slot: Int[Tensor, " M"]
    groups: list[Group]

    @classmethod
    def of(cls, lengths: Int[ndarray, " B"], members: list[Int[ndarray, " P"]], device: torch.device) -> Self:
        """The layout of patients of these lengths; `members` are the patients of each group."""
        total, ends = int(lengths.sum()), np.cumsum(lengths)
        first_position = ends - lengths
        slot_of_position, blocks, groups, slots_before = np.empty(total, dtype=np.int64), [], [], 0
        for patients in members:
            index = np.arange(lengths[patients].max())
            real = index < lengths[patients, None]
            position_of_slot = np.where(real, first_position[patients, None] + index, total)
            slot_of_position[position_of_slot[real]] = slots_before + np.flatnonzero(real)
            minus_infinity = np.where(real[:, None, None], 0, -np.inf).astype(np.float32)
            padding = None if real.all() else torch.from_numpy(minus_infinity).to(device)
            groups.append(Group(len(patients), len(index), padding))
            blocks.append(position_of_slot.ravel())
            slots_before += position_of_slot.size
        patient_of_position = np.repeat(np.arange(len(lengths)), lengths)
        index_in_patient = np.arange(total) - first_position[patient_of_position]
        return cls(
            torch.from_numpy(patient_of_position).to(device),
            torch.from_numpy(index_in_patient).to(device),
            torch.from_numpy(slot_of_position).to(device),
            torch.from_numpy(np.concatenate(blocks)).to(device),
            groups,
        )

    def to_slots(self, rows: Float[Tensor, "L X"]) -> Float[Tensor, "M X"]:
        """A row for each slot, from a row for each position; 0 where the slot is padding."""
        return _Reordered.apply(rows, self.position_of_slot, self.slot_of_position)

    def to_positions(self, rows: Float[Tensor, "M X"]) -> Float[Tensor, "L X"]:
        """A row for each position, from a row for each slot."""
        return _Reordered.apply(rows, self.slot_of_position, self.position_of_slot)


class _Reordered(torch.autograd.Function):
    """`rows[old_of_new]`, where `new_of_old` is the inverse; an index one past the last row gives a row of 0.

    The gradient is the same move backwards: a copy, where that of plain indexing adds up row by row.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, old_of_new: Tensor, new_of_old: Tensor) -> Tensor:
        ctx.save_for_backward(new_of_old)
        return _rows_or_zero(rows, old_of_new)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (new_of_old,) = ctx.saved_tensors
        return _rows_or_zero(gradient, new_of_old), None, None


def _rows_or_zero(rows: Float[Tensor, "I D"], index: Int[Tensor, " J"]) -> Float[Tensor, "J D"]:
    return pad(rows, (0, 0, 0, 1)).index_select(0, index)


@dataclass(frozen=True)
class Prefixed:
    """Prompts and tokens on one flat axis, each patient's prompts before its tokens.

    Three patients of 1, 1 and 2 tokens (t) with one prompt each (p). They are joined from rows: all prompts, then all
    tokens.

        flat axis            p0 t0 p1 t1 p2 t2 t3
        position              0  1  2  3  4  5  6
        token_of_position     4  0  4  1  4  2  3        4, one past the last token: a prompt
        row_of_position       0  3  1  4  2  5  6

        token                 0  1  2  3
        position_of_token     1  3  5  6

        joined rows          p0 p1 p2 t0 t1 t2 t3
        position_of_row       0  2  4  1  3  5  6
    """

    layout: Layout
    prompts: int
    """Prompt positions of each patient."""
    position_of_token: Int[Tensor, " N"]
    token_of_position: Int[Tensor, " L"]
    row_of_position: Int[Tensor, " L"]
    position_of_row: Int[Tensor, " L"]

    @classmethod
    def of(cls, tokens: Int[ndarray, " B"], prompts: int, members: list[ndarray], device: torch.device) -> Self:
        """Patients of so many tokens each, with `prompts` positions before them; `members` as of `Layout`."""
        layout = Layout.of(tokens + prompts, members, device)
        is_token = layout.index_in_patient >= prompts
        position_of_token = is_token.nonzero().squeeze(1)
        position_of_prompt = (~is_token).nonzero().squeeze(1)
        token_of_position = torch.where(is_token, is_token.cumsum(0) - 1, len(position_of_token))
        position_of_row = torch.cat([position_of_prompt, position_of_token])
        row_of_position = torch.empty_like(position_of_row)
        row_of_position[position_of_row] = torch.arange(len(position_of_row), device=device)
        return cls(layout, prompts, position_of_token, token_of_position, row_of_position, position_of_row)

    def joined(self, prompt: Float[Tensor, "B prompts D"] | None, tokens: Float[Tensor, "N D"]) -> Float[Tensor, "L D"]:
        """The vectors of prompts and of tokens on the flat axis."""
        if prompt is None:
            return tokens
        return _Reordered.apply(torch.cat([prompt.flatten(0, 1), tokens]), self.row_of_position, self.position_of_row)

    def tokens(self, states: Float[Tensor, "L D"]) -> Float[Tensor, "N D"]:
        """The states of the tokens alone."""
        if not self.prompts:
            return states
        return _Reordered.apply(states, self.position_of_token, self.token_of_position)


def encode(encoder: BartEncoder, vectors: Float[Tensor, "L D"], layout: Layout) -> Float[Tensor, "L D"]:
    """States of the encoder; every position sees those of its patient."""
    states = _embedded(encoder, vectors, layout)
    padding = [group.padding for group in layout.groups]
    for layer in _active_layers(encoder):
        seen = _attention(layer.self_attn, _projected(states, layout, layer.self_attn, "qkv"), padding, layout)
        states = layer.self_attn_layer_norm(states + _dropout(seen, layer))
        states = _feed_forward(layer, states)
    return states


def decode(
    decoder: BartDecoder,
    vectors: Float[Tensor, "L D"],
    layout: Layout,
    encoded: Float[Tensor, "E D"],
    encoded_layout: Layout,
) -> Float[Tensor, "L D"]:
    """States of the decoder; a position sees those before it, and the encoder's, of its own patient.

    The groups of both layouts have the same members.
    """
    states = _embedded(decoder, vectors, layout)
    causal = [_causal_mask(group.longest, states.device) for group in layout.groups]
    padding = [group.padding for group in encoded_layout.groups]
    for layer in _active_layers(decoder):
        own, cross = layer.self_attn, layer.encoder_attn
        seen = _attention(own, _projected(states, layout, own, "qkv"), causal, layout)
        states = layer.self_attn_layer_norm(states + _dropout(seen, layer))
        queries = _projected(states, layout, cross, "q")
        keys_and_values = _projected(encoded, encoded_layout, cross, "kv")
        by_group = [(*query, *others) for query, others in zip(queries, keys_and_values, strict=True)]
        seen = _attention(cross, by_group, padding, layout)
        states = layer.encoder_attn_layer_norm(states + _dropout(seen, layer))
        states = _feed_forward(layer, states)
    return states


def _embedded(stack: BartEncoder | BartDecoder, vectors: Float[Tensor, "L D"], layout: Layout) -> Float[Tensor, "L D"]:
    """What enters the first layer: vectors plus those of their places, normalised."""
    places = stack.embed_positions(None, position_ids=layout.index_in_patient).squeeze(0)
    return _dropout(stack.layernorm_embedding(vectors + places), stack)


def _active_layers(stack: BartEncoder | BartDecoder) -> list[Any]:
    """The layers of transformers, in training without those that layer dropout leaves out."""
    if not stack.training or not stack.layerdrop:
        return list(stack.layers)
    return [layer for layer in stack.layers if torch.rand([]) >= stack.layerdrop]


def _dropout(states: Float[Tensor, "L D"], module: Any) -> Float[Tensor, "L D"]:
    return dropout(states, module.dropout) if module.training else states


def _feed_forward(layer: Any, states: Float[Tensor, "L D"]) -> Float[Tensor, "L D"]:
    hidden = layer.activation_fn(layer.fc1(states))
    if layer.training:
        hidden = dropout(hidden, layer.activation_dropout)
    return layer.final_layer_norm(states + _dropout(layer.fc2(hidden), layer))


def _causal_mask(size: int, device: torch.device) -> Float[Tensor, "Q Q"]:
    """Added to scores: -inf for every position after one's own. Padding lies there too."""
    return torch.full((size, size), -torch.inf, device=device).triu(1)


def _projected(
    states: Float[Tensor, "L D"], layout: Layout, attention: BartAttention, which: str
) -> list[tuple[Tensor, ...]]:
    """Of each group its queries, keys or values (the letters of `which`), each [P, H, Q, h]; one product for all."""
    layers = [getattr(attention, f"{letter}_proj") for letter in which]
    weight, bias = torch.cat([layer.weight for layer in layers]), torch.cat([layer.bias for layer in layers])
    in_slots = layout.to_slots(linear(states, weight, bias)).split([group.slots for group in layout.groups])
    shape = (len(which), attention.num_heads, attention.head_dim)
    return [
        rows.view(group.patients, group.longest, *shape).permute(2, 0, 3, 1, 4).unbind()
        for rows, group in zip(in_slots, layout.groups, strict=True)
    ]


def _attention(
    attention: BartAttention,
    projected: Sequence[tuple[Tensor, ...]],
    biases: Sequence[Tensor | None],
    layout: Layout,
) -> Float[Tensor, "L D"]:
    """What each position reads, from queries, keys and values by group."""
    read = [
        _weighted_values(attention, queries, keys, values, bias)
        for (queries, keys, values), bias in zip(projected, biases, strict=True)
    ]
    in_slots = torch.cat([group.transpose(1, 2).flatten(2).flatten(0, 1) for group in read])
    return attention.out_proj(layout.to_positions(in_slots))


def _weighted_values(
    attention: Any,
    queries: Float[Tensor, "P H Q h"],
    keys: Float[Tensor, "P H K h"],
    values: Float[Tensor, "P H K h"],
    bias: Tensor | None,
) -> Float[Tensor, "P H Q h"]:
    """Values weighed by the softmax of the scores plus `bias`, by the products the machine is told to use.

    Plain products keep keys before queries: a softmax along a last axis of fewer than 16 keys takes torch four times
    as long as along any other, and most histories are that short.
    """
    share = attention.dropout if attention.training else 0.0
    if attention.config._attn_implementation == "sdpa":
        bias = None if bias is None else bias.to(queries.dtype)
        return scaled_dot_product_attention(queries, keys, values, bias, share, scale=attention.scaling)
    scores = keys @ (queries * attention.scaling).transpose(2, 3)  # [P, H, K, Q]
    weights = torch.softmax(scores if bias is None else scores + bias.transpose(-1, -2), dim=-2)
    return dropout(weights, share).to(values.dtype).transpose(2, 3) @ values
