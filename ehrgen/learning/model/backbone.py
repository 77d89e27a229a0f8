"""The BART that a model builds on: of the size the settings ask for, or from a checkpoint."""

from transformers import BartConfig, BartModel

from ehrgen.data.sequences.vocabulary import BOS, EOS, PAD
from ehrgen.learning.model.prompts import PROMPTS, init_std
from ehrgen.learning.settings import ModelSettings


class ModelError(ValueError):
    """Weights or a checkpoint that do not fit the model; the message says where they differ."""


def backbone(settings: ModelSettings, tokens: int, max_tokens: int) -> BartModel:
    """BART of the size of the settings, or a checkpoint with a table of so many tokens.

    Raises:
        ModelError: If a checkpoint has too few positions.
    """
    if settings.pretrained is not None:
        bart = BartModel.from_pretrained(settings.pretrained)
        bart.resize_token_embeddings(tokens)
        bart.shared.padding_idx = bart.config.pad_token_id = PAD  # the checkpoint's own would never learn
        if bart.config.max_position_embeddings < max_tokens + PROMPTS:
            raise ModelError(
                f"{settings.pretrained}: {bart.config.max_position_embeddings} positions, "
                f"{max_tokens + PROMPTS} needed; lower sequence.max_tokens"
            )
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
