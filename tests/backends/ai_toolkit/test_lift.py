"""Jobs that people have: read back to what they really do, the rest kept and told."""

from __future__ import annotations

import json

import pytest

from lorabridge.backends.ai_toolkit import lift

JOB = """
job: extension
config:
  name: my_lora
  process:
    - type: sd_trainer
      training_folder: output
      device: cuda:0
      trigger_word: p3r5on
      network: {type: lora, linear: 16, linear_alpha: 8}
      save: {dtype: float16, save_every: 250, max_step_saves_to_keep: 4, push_to_hub: false}
      datasets:
        - {folder_path: /path/to/images, caption_ext: txt, caption_dropout_rate: 0.05, shuffle_tokens: false, cache_latents_to_disk: true, resolution: [512, 768]}
      train:
        batch_size: 1
        steps: 2000
        gradient_accumulation_steps: 1
        train_unet: true
        train_text_encoder: false
        gradient_checkpointing: true
        noise_scheduler: flowmatch
        optimizer: adamw8bit
        lr: 1e-4
        ema_config: {use_ema: true, ema_decay: 0.99}
        dtype: bf16
      model: {name_or_path: black-forest-labs/FLUX.1-dev, is_flux: true, quantize: true}
      sample:
        sampler: flowmatch
        sample_every: 250
        width: 1024
        height: 1024
        prompts: ["a [trigger] holding a sign"]
        neg: ""
        seed: 42
        walk_seed: true
        guidance_scale: 4
        sample_steps: 20
meta: {name: "[name]"}
"""


def test_an_example_of_the_trainer():
    lifted = lift({"train_lora_flux.yaml": JOB})
    data = lifted.data
    assert (data["name"], data["trigger"]) == ("my_lora", "p3r5on")
    assert data["model"]["family"] == "flux1"
    assert data["model"]["quantize"] == {"transformer": "fp8-scaled", "text_encoder": "fp8-scaled"}
    assert data["adapter"]["alpha"] == 16, "alpha 8 is ignored there: the file trains with alpha = rank"
    assert data["optimizer"]["lr"] == 1e-4
    assert data["save"] == {"every": "250 steps", "keep_last": 4, "dtype": "fp16"}
    assert data["train"]["ema"] == {"decay": 0.99}
    assert data["datasets"][0]["captions"] == {"extension": ".txt", "dropout": 0.05, "shuffle": False}
    assert data["datasets"][0]["images"] == "/path/to/images"
    assert data["cache"] == {"text": {"to": "off"}, "latents": {"to": "disk"}}
    assert data["sample"]["prompts"] == [{"prompt": "a [trigger] holding a sign"}]
    assert lifted.native == {"process:save.push_to_hub": False}


def test_defaults_of_the_trainer_are_what_a_short_file_means():
    job = "job: extension\nconfig: {name: x, process: [{type: sd_trainer, network: {}, model: {name_or_path: a/b, arch: sdxl}}]}\n"
    data = lift({"x.yaml": job}).data
    assert data["train"]["for"] == "1000 steps"
    assert data["optimizer"]["lr"] == 1e-6
    assert data["adapter"] == {"rank": 4, "alpha": 1.0}
    assert data["save"] == {"every": "1000 steps", "keep_last": 5, "dtype": "fp16"}
    assert data["model"]["dtype"] == "fp32"
    assert data["logging"]["every"] == "100 steps"


def test_the_two_words_of_the_bias_change_places():
    job = {
        "job": "extension",
        "config": {
            "name": "x",
            "process": [
                {
                    "type": "ui_trainer",
                    "network": {},
                    "model": {"name_or_path": "a/b", "arch": "zimage:turbo"},
                    "train": {"content_or_style": "style", "noise_scheduler": "flowmatch"},
                }
            ],
        },
    }
    data = lift({".job_config.json": json.dumps(job)}).data
    assert data["noise"]["bias"] == "content"
    assert data["model"]["variant"] == "turbo"


def test_traps_are_told():
    job = "config: {name: x, process: [{type: sd_trainer, network: {}, train: {gradient_accumulation_steps: 4, unload_text_encoder: true, lr_scheduler: linear}, model: {name_or_path: a/b, arch: zimage}}]}\n"
    lifted = lift({"x.yaml": job})
    told = " ".join(item.message for item in lifted.diagnostics)
    assert "keeps only the last of 4 batches" in told
    assert "unload_text_encoder" in told
    assert "rises from a third" in told


def test_what_is_no_job_is_told():
    assert lift({"x.yaml": "a: 1\n"}).diagnostics[0].code == "LB104"
    assert lift({"x.yaml": "a: [\n"}).diagnostics[0].code == "LB100"
    assert lift({"x.json": "{"}).diagnostics[0].code == "LB100"
    slider = "config: {name: x, process: [{type: concept_slider}]}\n"
    assert lift({"x.yaml": slider}).diagnostics[0].code == "LB104"
    assert lift(
        {"x.yaml": "config: {name: x, process: [{type: sd_trainer, network: {}, model: {arch: nope, name_or_path: x}}]}\n"}
    ).diagnostics[-1].code in ("LB501", "LB302")


@pytest.mark.parametrize(("section", "word"), [("", "the whole model"), ("adapter: {type: redux}, ", "an adapter of type `redux`")])
def test_a_job_that_trains_no_lora_is_not_read_as_one(section: str, word: str):
    job = f"job: extension\nconfig: {{name: x, process: [{{type: sd_trainer, {section}model: {{name_or_path: a/b, arch: flux}}}}]}}\n"
    lifted = lift({"x.yaml": job})
    (found,) = lifted.diagnostics
    assert (found.code, found.severity) == ("LB326", "error")
    assert word in found.message
    assert not lifted.data.get("model")


def _lifted(sections: str):
    return lift({"x.yaml": f"job: extension\nconfig: {{name: x, process: [{{type: sd_trainer, network: {{linear: 8}}, {sections}}}]}}\n"})


def test_walking_seeds_become_the_seeds_of_the_prompts():
    flux = "model: {name_or_path: a/b, arch: flux}"
    lifted = _lifted(f"{flux}, sample: {{seed: 7, walk_seed: true, prompts: [a, 'b --d 3', c]}}")
    assert lifted.data["sample"]["seed"] == 7
    assert lifted.data["sample"]["prompts"] == [{"prompt": "a"}, {"prompt": "b", "seed": 3}, {"prompt": "c", "seed": 9}]
    lifted = _lifted(f"{flux}, sample: {{seed: 7, prompts: [a, 'b --d 3', c]}}")
    assert [entry.get("seed", 7) for entry in lifted.data["sample"]["prompts"]] == [7, 3, 3], "a seed of an entry stays in force"


def test_an_empty_prompt_is_told():
    lifted = _lifted("model: {name_or_path: a/b, arch: flux}, sample: {prompts: [a, '']}")
    assert lifted.data["sample"]["prompts"] == [{"prompt": "a"}]
    assert "1 of 2 sample prompts are empty" in " ".join(item.message for item in lifted.diagnostics)


def test_a_recovery_adapter_in_the_type_is_taken_apart():
    lifted = _lifted('model: {name_or_path: a/b, arch: qwen_image, quantize: true, qtype: "uint3|org/repo/ara.safetensors"}')
    assert lifted.data["model"]["quantize"]["transformer"] == "uint3"
    assert lifted.native["process:model.accuracy_recovery_adapter"] == "org/repo/ara.safetensors"


def test_switches_tell_the_variant():
    lifted = _lifted("model: {name_or_path: a/Flex, is_flux: true}, train: {bypass_guidance_embedding: true}")
    assert (lifted.data["model"]["family"], lifted.data["model"]["variant"]) == ("flux1", "flex1")
    assert "process:train.bypass_guidance_embedding" not in lifted.native
    lifted = _lifted("model: {name_or_path: a/b, is_xl: true, is_v_pred: true}")
    assert (lifted.data["model"]["family"], lifted.data["model"]["variant"]) == ("sdxl", "v-pred")


def test_extras_of_a_pipeline_come_back():
    lifted = _lifted("model: {name_or_path: a/b, arch: hidream, extras_name_or_path: c/d}")
    assert lifted.data["model"]["paths"]["extras"] == "c/d"


def test_metadata_of_the_file_stays_native():
    job = "job: extension\nconfig: {name: x, process: [{type: sd_trainer, network: {}, model: {name_or_path: a/b, arch: flux}}]}\n"

    def kept(meta: str) -> dict:
        return {key: value for key, value in lift({"x.yaml": job + meta}).native.items() if "meta" in key}

    assert kept("meta: {name: '[name]', version: '1.0'}\n") == {}
    assert kept("meta: {name: '[name]', version: '2.0', by: me}\n") == {"process:meta.version": "2.0", "process:meta.by": "me"}
