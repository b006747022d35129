from __future__ import annotations

import random

from lorabridge.run.redact import Redactor, secrets_in


def test_which_variables_are_secret():
    environ = {
        "HF_TOKEN": "hf_12345678",
        "WANDB_API_KEY": "k" * 40,
        "MY_PASSWORD": "short",
        "PATH": "/usr/bin:/bin",
        "TOKENIZERS_PARALLELISM": "false-false",
    }
    assert secrets_in(environ) == [b"k" * 40, b"hf_12345678"]


def test_any_cuts_give_the_same_bytes():
    secrets = [b"abcdefabcdef", b"abcdefgh", b"zzzzzzzz"]
    stream = b"x abcdefg abcdefabcdefgh abcdefabcdeabcdefgh zzzzzzzzzzz abcdefabcde"
    whole = Redactor(secrets)
    expected = whole.feed(stream) + whole.close()
    assert len(expected) == len(stream)
    assert not any(secret in expected for secret in secrets)
    generator = random.Random(1)
    for _ in range(300):
        cut, parts, rest = Redactor(secrets), b"", stream
        while rest:
            size = generator.randint(1, 9)
            parts, rest = parts + cut.feed(rest[:size]), rest[size:]
        assert parts + cut.close() == expected


def test_only_a_beginning_of_a_secret_is_held_back():
    redactor = Redactor([b"hf_12345678"])
    assert redactor.feed(b"step 1\rstep 2") == b"step 1\rstep 2"
    assert redactor.feed(b" hf_1") == b" "
    assert redactor.feed(b"9 \n") == b"hf_19 \n"
