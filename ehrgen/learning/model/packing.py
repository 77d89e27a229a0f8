"""BART over real positions alone: patients of all lengths in one pass, with padding inside the attention products only.

The modules and weights are those of transformers' BART, and so is the result, up to the order of sums. What works
position by position (projections, norms, feed-forward layers, dropout) runs on the flat axis, patient after patient.
Attention runs on groups of patients of similar length, so that no patient can see another: they share no product.

Why not rows of several patients under a block-diagonal mask: in the default cohort the scores of rows of 256 are eight
times as many as those of groups, and almost all of them are masked.

Axes: B patients, L flat positions (prompts included), N those of tokens, M slots of all padded groups, D state,
P patients of a group, Q and K slots of one of its patients, H heads of h = D / H.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor, nn
from torch.nn.functional import linear, pad, scaled_dot_product_attention
from transformers.models.bart.modeling_bart import BartAttention, BartDecoder, BartEncoder

from ehrgen.learning.model.dropout import dropout


@dataclass(frozen=True)
class Group:
    """Patients of similar length in one padded block."""

    patients: int
    longest: int
    padding: Float[Tensor, "P 1 1 K"] | None
    """Added to the scores of its slots as keys: -inf where there is no position; None if there is one in all."""

    @property
    def slots(self) -> int:
        return self.patients * self.longest


@dataclass(frozen=True)
class Layout:
    """Where the positions of patients lie: one after the other on the flat axis, and in padded groups."""

    patient: Int[Tensor, " L"]
    place: Int[Tensor, " L"]
    """Number of the position within its patient, from 0."""
    slot: Int[Tensor, " L"]
    position: Int[Tensor, " M"]
    """Of each slot; L where it is padding."""
    groups: list[Group]

    @classmethod
    def of(cls, lengths: Int[ndarray, " B"], members: list[Int[ndarray, " P"]], device: torch.device) -> Self:
        """The layout of patients of these lengths, in groups of these members."""
        total, end = int(lengths.sum()), np.cumsum(lengths)
        slot, positions, groups, before = np.empty(total, dtype=np.int64), [], [], 0
        for rows in members:
            column = np.arange(lengths[rows].max())
            real = column < lengths[rows, None]
            position = np.where(real, (end - lengths)[rows, None] + column, total)
            slot[position[real]] = before + np.flatnonzero(real)
            bias = np.where(real[:, None, None], 0, -np.inf).astype(np.float32)
            padding = None if real.all() else torch.from_numpy(bias).to(device)
            groups.append(Group(len(rows), len(column), padding))
            positions.append(position.ravel())
            before += position.size
        patient = np.repeat(np.arange(len(lengths)), lengths)
        place = np.arange(total) - (end - lengths)[patient]
        arrays = [patient, place, slot, np.concatenate(positions)]
        return cls(*(torch.from_numpy(array).to(device) for array in arrays), groups)


class _Moved(torch.autograd.Function):
    """Rows in another order: `index` says which comes where, `inverse` where each went; the row past the last is 0.

    The gradient is the same move backwards: a copy, where that of plain indexing adds up row by row.
    """

    @staticmethod
    def forward(ctx, rows: Tensor, index: Tensor, inverse: Tensor) -> Tensor:
        ctx.save_for_backward(inverse)
        return _or_zero(rows, index)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        (inverse,) = ctx.saved_tensors
        return _or_zero(gradient, inverse), None, None


def _or_zero(rows: Float[Tensor, "I D"], index: Int[Tensor, " J"]) -> Float[Tensor, "J D"]:
    return pad(rows, (0, 0, 0, 1)).index_select(0, index)


@dataclass(frozen=True)
class Prefixed:
    """Prompt and token positions on one flat axis, each patient's prompt before its tokens."""

    layout: Layout
    prompts: int
    """Prompt positions of each patient."""
    token: Int[Tensor, " N"]
    """Position of each token."""
    number: Int[Tensor, " L"]
    """Of the token at each position; N at prompts."""
    source: Int[Tensor, " L"]
    """Of each position: prompts first, then tokens."""
    target: Int[Tensor, " L"]

    @classmethod
    def of(cls, lengths: Int[ndarray, " B"], prompts: int, groups: list[ndarray], device: torch.device) -> Self:
        """Histories of these lengths, with `prompts` positions before each."""
        layout = Layout.of(lengths + prompts, groups, device)
        is_token = layout.place >= prompts
        token, prompt = is_token.nonzero().squeeze(1), (~is_token).nonzero().squeeze(1)
        number = torch.where(is_token, is_token.cumsum(0) - 1, len(token))
        target = torch.cat([prompt, token])
        source = torch.empty_like(target)
        source[target] = torch.arange(len(target), device=device)
        return cls(layout, prompts, token, number, source, target)

    def joined(self, prompt: Float[Tensor, "B prompts D"] | None, tokens: Float[Tensor, "N D"]) -> Float[Tensor, "L D"]:
        """Both kinds of vectors on the flat axis."""
        if prompt is None:
            return tokens
        return _Moved.apply(torch.cat([prompt.flatten(0, 1), tokens]), self.source, self.target)

    def tokens(self, states: Float[Tensor, "L D"]) -> Float[Tensor, "N D"]:
        """The states of the tokens alone."""
        return states if not self.prompts else _Moved.apply(states, self.token, self.number)


def encode(encoder: BartEncoder, vectors: Float[Tensor, "L D"], at: Layout) -> Float[Tensor, "L D"]:
    """States of the encoder; every position sees those of its patient."""
    states = _entered(encoder, vectors, at)
    padding = [group.padding for group in at.groups]
    for layer in _kept(encoder):
        seen = _attend(layer.self_attn, _blocks(states, at, layer.self_attn, "qkv"), padding, at)
        states = layer.self_attn_layer_norm(states + _dropped(seen, layer))
        states = _fed_forward(layer, states)
    return states


def decode(
    decoder: BartDecoder,
    vectors: Float[Tensor, "L D"],
    at: Layout,
    encoded: Float[Tensor, "E D"],
    encoded_at: Layout,
) -> Float[Tensor, "L D"]:
    """States of the decoder; a position sees those before it, and the encoder's, of its own patient.

    The groups of `at` and `encoded_at` have the same members.
    """
    states = _entered(decoder, vectors, at)
    future = [_future(group.longest, states.device) for group in at.groups]
    padding = [group.padding for group in encoded_at.groups]
    for layer in _kept(decoder):
        own, cross = layer.self_attn, layer.encoder_attn
        seen = _attend(own, _blocks(states, at, own, "qkv"), future, at)
        states = layer.self_attn_layer_norm(states + _dropped(seen, layer))
        both = zip(_blocks(states, at, cross, "q"), _blocks(encoded, encoded_at, cross, "kv"), strict=True)
        seen = _attend(cross, [(*queries, *others) for queries, others in both], padding, at)
        states = layer.encoder_attn_layer_norm(states + _dropped(seen, layer))
        states = _fed_forward(layer, states)
    return states


def _entered(stack: BartEncoder | BartDecoder, vectors: Float[Tensor, "L D"], at: Layout) -> Float[Tensor, "L D"]:
    positions = stack.embed_positions(None, position_ids=at.place).squeeze(0)
    return _dropped(stack.layernorm_embedding(vectors + positions), stack)


def _kept(stack: BartEncoder | BartDecoder) -> list[nn.Module]:
    """The layers, in training without those that layer dropout leaves out."""
    if not stack.training or not stack.layerdrop:
        return list(stack.layers)
    return [layer for layer in stack.layers if torch.rand([]) >= stack.layerdrop]


def _dropped(states: Float[Tensor, "L D"], module: nn.Module) -> Float[Tensor, "L D"]:
    return dropout(states, module.dropout) if module.training else states


def _fed_forward(layer: nn.Module, states: Float[Tensor, "L D"]) -> Float[Tensor, "L D"]:
    hidden = layer.activation_fn(layer.fc1(states))
    if layer.training:
        hidden = dropout(hidden, layer.activation_dropout)
    return layer.final_layer_norm(states + _dropped(layer.fc2(hidden), layer))


def _future(size: int, device: torch.device) -> Float[Tensor, "Q Q"]:
    """Added to scores: -inf for every position after one's own. Padding lies there too."""
    return torch.full((size, size), -torch.inf, device=device).triu(1)


def _blocks(states: Float[Tensor, "L D"], at: Layout, attention: BartAttention, which: str) -> list[tuple[Tensor, ...]]:
    """Of each group its queries, keys or values (the letters of `which`), each [P, H, Q, h]; one product for all."""
    layers = [getattr(attention, f"{letter}_proj") for letter in which]
    weight, bias = torch.cat([one.weight for one in layers]), torch.cat([one.bias for one in layers])
    moved = _Moved.apply(linear(states, weight, bias), at.position, at.slot)
    shape = (len(which), attention.num_heads, attention.head_dim)
    return [
        rows.view(group.patients, group.longest, *shape).permute(2, 0, 3, 1, 4).unbind()
        for rows, group in zip(moved.split([group.slots for group in at.groups]), at.groups, strict=True)
    ]


def _attend(
    attention: BartAttention,
    blocks: Sequence[tuple[Tensor, ...]],
    biases: Sequence[Tensor | None],
    at: Layout,
) -> Float[Tensor, "L D"]:
    """What each position reads, from queries, keys and values by group."""
    read = [_read(attention, *block, bias) for block, bias in zip(blocks, biases, strict=True)]
    rows = torch.cat([group.transpose(1, 2).flatten(2).flatten(0, 1) for group in read])
    return attention.out_proj(_Moved.apply(rows, at.slot, at.position))


def _read(
    attention: BartAttention,
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
