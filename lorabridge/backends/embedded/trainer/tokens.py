"""Small tokenizers made on the spot, for models that are built without any download."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def _byte_pairs(corpus: Iterable[str], vocab_size: int, end_of_word: str) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Learn byte-level merges from `corpus`; returns the vocabulary and the merges in order."""
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=end_of_word))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix=end_of_word,
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [(left, right) for left, right in model["merges"]]


def qwen_tokenizer(corpus: Iterable[str], vocab_size: int = 400, max_length: int = 512) -> Any:
    """A `Qwen2Tokenizer` whose words come from `corpus`; any text can be encoded (bytes are the alphabet)."""
    from transformers import Qwen2Tokenizer

    vocab, merges = _byte_pairs(corpus, vocab_size, "")
    for token in _SPECIALS:
        vocab[token] = len(vocab)
    tokenizer = Qwen2Tokenizer(vocab=vocab, merges=merges, model_max_length=max_length, extra_special_tokens=list(_SPECIALS[1:]))
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def clip_tokenizer(corpus: Iterable[str], vocab_size: int = 800, max_length: int = 77) -> Any:
    """A `CLIPTokenizer` whose words come from `corpus`.

    CLIP marks the last letter of a word, so each byte needs a second, word-ending entry.
    """
    from transformers import CLIPTokenizer

    vocab, merges = _byte_pairs(corpus, vocab_size, "</w>")
    for token in [entry for entry in vocab if len(entry) == 1]:
        vocab.setdefault(token + "</w>", len(vocab))
    for token in ("<|startoftext|>", "<|endoftext|>"):
        vocab[token] = len(vocab)
    return CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=max_length)
