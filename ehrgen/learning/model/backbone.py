"""The BART that a model builds on: of the size the settings ask for, or from a checkpoint."""

import json
from pathlib import Path
from typing import Any

import torch
from transformers import BartConfig, BartModel
from transformers.utils import logging

from ehrgen.data.sequences.vocabulary import BOS, EOS, PAD
from ehrgen.learning import pretrained
from ehrgen.learning.model.prompts import PROMPTS, init_std
from ehrgen.learning.pretrained import PretrainedError
from ehrgen.learning.settings import ModelSettings


def backbone(settings: ModelSettings, tokens: int, max_tokens: int) -> BartModel:
    """BART of the size of the settings, or a checkpoint with a table of so many tokens.

    Raises:
        PretrainedError: If a checkpoint is none of BART's, or has too few positions.
    """
    if settings.pretrained is not None:
        bart = from_checkpoint(pretrained.folder(settings.pretrained), max_tokens + PROMPTS)
        bart.resize_token_embeddings(tokens)
        bart.shared.padding_idx = bart.config.pad_token_id = PAD  # the checkpoint's own would never learn
        return bart
    config = BartConfig(
        vocab_size=tokens,
        max_position_embeddings=max_tokens + PROMPTS,
        d_model=settings.d_model,
        encoder_layers=settings.layers,
        decoder_layers=settings.layers,
        encoder_attention_heads=settings.heads,
        decoder_attention_heads=settings.heads,
        encoder_ffn_dim=settings.feed_forward,
        decoder_ffn_dim=settings.feed_forward,
        dropout=settings.dropout,
        attention_dropout=0.0,
        activation_dropout=0.0,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
        init_std=init_std(settings.d_model),
    )
    return BartModel(config)


def from_checkpoint(folder: Path, positions: int) -> BartModel:
    """The BART of a checkpoint in fp32, whatever its own precision; training adds up small steps.

    Raises:
        PretrainedError: If it is of another architecture, has too few positions, lacks a weight, cannot be read, or
            holds numbers that are not finite.
    """
    where = f"model.pretrained: {folder}"
    _require_bart(folder, where, positions)
    level = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)  # it lists what a head for translation has besides
    logging.disable_progress_bar()
    try:
        loaded: Any = BartModel.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
        bart, report = loaded
    except Exception as error:  # whatever a damaged file makes the readers of three formats raise
        said = str(error).strip().partition("\n")[0]
        raise PretrainedError(f"{where}: its weights cannot be read: {type(error).__name__}: {said}") from None
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
    if missing := sorted(report["missing_keys"]):
        raise PretrainedError(
            f"{where}: {len(missing)} of {len(bart.state_dict())} weights of BART are not in it, such as {missing[0]}"
        )
    if strange := [name for name, value in bart.state_dict().items() if not bool(value.isfinite().all())]:
        raise PretrainedError(f"{where}: {len(strange)} weights are not finite, such as {strange[0]}")
    return bart


def _require_bart(folder: Path, where: str, positions: int) -> None:
    pretrained.files(folder)
    try:
        content = json.loads((folder / pretrained.CONFIG).read_text(encoding="utf-8"))
        architecture, there = content["model_type"], int(content["max_position_embeddings"])
    except (OSError, ValueError, KeyError, TypeError):
        raise PretrainedError(f"{where}: config.json is none of a BART checkpoint") from None
    if architecture != "bart":
        raise PretrainedError(f"{where}: a checkpoint of {architecture}, and the model builds on BART")
    if there < positions:
        raise PretrainedError(f"{where}: {there} positions, {positions} needed; lower sequence.max_tokens")
