"""The table of known causes: what an exception of a trainer means, and the way out.

The patterns were met in executed runs (`docs/evidence/`), in the trainers' sources, or in their issue trackers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A row: the pattern on an exception or on last words, what happened in one clause, the way out. `{0}` is its first group."""

    name: str
    pattern: str
    what: str
    fix: str


_MEMORY = "`memory.gradient_checkpointing: true`, `train.batch_size: 1` with more `train.gradient_accumulation`, `memory.blocks_to_swap`, `model.quantize`, a smaller resolution"
_PATHS = "correct the path; `lorabridge check --paths` finds it beforehand"

KNOWN: tuple[Known, ...] = (
    Known("gpu-memory", r"(?:CUDA|HIP|XPU|MPS backend)[^\n]{0,20} out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED", "the GPU's memory was not enough", _MEMORY),
    Known("main-memory", r"MemoryError|Cannot allocate memory|can't allocate memory|bad_alloc|not enough memory: you tried", "the machine's main memory was not enough", "fewer `train.workers`, `memory.blocks_to_swap: off`, caches on disk, or more memory"),
    Known("killed", r"SIGKILL|return code = -9|exit code -9|^Killed$|exit (?:status )?137", "the trainer was killed; when nobody did it, main memory had run out", "`dmesg` tells; fewer `train.workers`, no block swap, or more memory"),
    Known("shared-memory", r"unable to open shared memory|DataLoader worker .* is killed by signal|insufficient shared memory", "the data loader's processes ran out of shared memory", "`train.workers: 0`, or a container with `--shm-size 8g`"),
    Known("segfault", r"SIGSEGV|SIGBUS|Segmentation fault|return code = -11|Bus error", "the trainer crashed inside a library", "the versions of torch, the driver and the attention kernel must fit each other; `memory.attention: sdpa` is the safest; /dev/shm may be full"),
    Known("disk-full", r"No space left on device|StorageFull|Errno 28|Disk quota exceeded", "the disk is full", "free some space or set `output.dir` elsewhere; `save.keep_last` limits what is kept"),
    Known("no-permission", r"PermissionError|Errno 13|Permission denied", "a file or folder may not be read or written", "change its owner or its mode, or choose another place"),
    Known("gated", r"GatedRepoError|gated repo|401 Client Error|403 Client Error|Access to model .* is restricted", "the model needs a licence that was not accepted, or a token", "accept it on the model's page and set HF_TOKEN"),
    Known("offline", r"couldn't connect to 'https?://|LocalEntryNotFoundError|Max retries exceeded|Name or service not known|Temporary failure in name resolution|OfflineModeIsEnabled", "a model was not found on this machine and could not be downloaded", "correct the path under `model.paths`, or download it before; `lorabridge check --paths` finds wrong ones"),
    Known("no-repo", r"Repo id must be|RepositoryNotFoundError|neither a valid local path nor a valid repo id|is not a local folder and is not a valid model|does not appear to have a file named", "a model path is neither a file here nor a repository", _PATHS),
    Known("not-safetensors", r"HeaderTooLarge|InvalidHeader|MetadataIncompleteBuffer|Error while deserializing header|invalid load key", "a weights file is damaged or incomplete", "download it again; `lorabridge checkpoint inspect FILE` tells what it is"),
    Known("other-model", r"Error\(s\) in loading state_dict|size mismatch for|Missing key\(s\) in state_dict|mat1 and mat2 shapes cannot be multiplied|modified_state_dict key", "the weights are those of another model", "`model.family`, `model.variant` and the files under `model.paths` must belong together"),
    Known("no-cache", r"No training items found in the dataset", "no picture has both a latent and a text cache", "run the caching stages again with this dataset; `lorabridge data check` tells what is left out"),
    Known("no-data", r"Processed dataset was empty|had no images/videos|no images found|There are no images|num_samples should be a positive integer", "no picture of the dataset was left to train on", "`lorabridge data check` tells which are left out and why; a bucket needs a full batch of pictures"),
    Known("no-modules", r"No LoRA modules found|There are not any lora modules|No LoRA modules\.", "the adapter found nothing in the model to attach to", "`adapter.targets` must name layers of this model; left out they are all linear layers"),
    Known("no-attention", r"must be specified", "no attention kernel was chosen", "`memory.attention: sdpa`"),
    Known("attention", r"memory_efficient_attention|Unsupported attention mode|SageAttention doesn't support|No module named '(?:flash_attn|xformers|sageattention)|`backend='", "the attention kernel is not installed or cannot train", "`memory.attention: sdpa`"),
    Known("swap-limit", r"Cannot swap more than (\d+)", "more blocks were to be swapped than this model allows", "`memory.blocks_to_swap: {0}` at most"),
    Known("no-swap", r"Block swapping (?:is not implemented|only works)", "this model cannot swap blocks", "`memory.blocks_to_swap: off`"),
    Known("optimizer-name", r"module 'torch\.optim' has no attribute|module 'pytorch_optimizer' has no attribute|Unknown optimizer|Please install (\S+) to use", "the trainer has no optimizer of this name", "`lorabridge explain optimizer.type` lists the names"),
    Known("optimizer-args", r"__init__\(\) got an unexpected keyword argument '(\w+)'", "the optimizer or the scheduler does not know the argument `{0}`", "remove it, or choose an optimizer that has it"),
    Known("nothing-to-train", r"optimizer got an empty parameter list", "nothing is trained: no parameter of the adapter is", "`optimizer.lr` must not be 0, and `adapter.rank` at least 1"),
    Known("scheduler", r"is not a valid SchedulerType|Unknown lr_scheduler|Scheduler must be|does not require `num_warmup_steps`", "the learning rate schedule is not one of the trainer's", "`lorabridge explain scheduler.type` lists the names; a constant one takes no warm-up in musubi-tuner"),
    Known("interval-0", r"ZeroDivisionError: integer (?:division or )?modulo by zero", "an interval is 0, and the trainer divides by it", "write `never` in lorabridge's config; in the trainer's own file leave the key out"),
    Known("dtype", r"Invalid device string|Unsupported dtype|KeyError: '(?:bf16|fp16|nf4|fp8)'|Unknown mixed_precision mode|has no attribute 'bf\d+'", "a precision is not one of the trainer's", "`bf16`, `fp16` or `off` in lorabridge's words"),
    Known("dtypes-mixed", r"must have the same dtype|expected (?:scalar type|mat1 and mat2)", "tensors of two precisions met", "let `train.mixed_precision` follow `model.dtype`: leave it out"),
    Known("devices-mixed", r"Expected all tensors to be on the same device|Target is on cpu", "tensors of two devices met", "switch off offloading (`memory.layer_offload`, `memory.blocks_to_swap`), or report it to the trainer"),
    Known("no-cuda", r"Torch not compiled with CUDA|No CUDA GPUs are available|Found no NVIDIA driver|CUDA driver version is insufficient|no kernel image is available|CUDA initialization", "torch finds no GPU that it can use", "`nvidia-smi` must show one, and torch must be built for it (`lorabridge doctor`)"),
    Known("gpu-lost", r"fallen off the bus|GPU is lost|uncorrectable ECC|unspecified launch failure|device-side assert", "the GPU failed while it computed", "restart the machine; when it comes again, use another GPU"),
    Known("bitsandbytes", r"bitsandbytes.*(?:not|No module)|libbitsandbytes|8-bit optimizer", "8-bit optimizers need bitsandbytes, and it does not work here", "install it for this CUDA version, or `optimizer.type: adamw`"),
    Known("module-missing", r"No module named '?([\w.]+)'?", "the Python package `{0}` is not installed in the trainer's environment", "install the trainer's requirements again, in its own environment"),
    Known("submodule", r"cannot import name '(\w+)' from", "the trainer's packages do not fit together (`{0}` is missing)", "install the versions that the trainer's requirements name"),
    Known("port", r"Address already in use|EADDRINUSE", "the port that the processes of a run meet at is taken", "another run uses it; lorabridge chooses a free one when it starts the run itself"),
    Known("peers", r"DistBackendError|NCCL|ncclSystemError|Connection closed by peer", "the processes on several GPUs lost each other", "the first error in the log is the cause; for hardware, NCCL_P2P_DISABLE=1 helps on consumer cards"),
    Known("python-version", r"'autocommit' is an invalid keyword argument", "diffusion-pipe needs Python 3.12 or newer", "make its environment anew with Python 3.12"),
    Known("toml", r"TomlDecodeError|Not a homogeneous array|Reserved escape", "a TOML file of the trainer cannot be read", "let lorabridge write it: `lorabridge import FILE`"),
    Known("config-text", r"config file (?:error|is invalid)|while (?:scanning|parsing)|Expecting ',' delimiter|Unknown job type", "the trainer cannot read its config file", "let lorabridge write it: `lorabridge import FILE`"),
    Known("extra-keys", r"extra keys not allowed @ data\[(.*?)\](?:\s|$)", "the dataset file has a key that the trainer does not know ({0})", "remove it; `lorabridge import FILE` names the near ones"),
    Known("arguments", r"error: (unrecognized arguments: .+|argument .+|the following arguments are required: .+)", "the trainer was called with arguments that it does not know ({0})", "the trainer's version is another than the one that was compiled for: `lorabridge contract diff`"),
    Known("words-for-numbers", r"not supported between instances of '(?:float|str|int)' and '(?:str|float|int)'|can't multiply sequence by non-int|empty\(\): argument 'size'", "a number was written as text", "take the quotes away"),
    Known("neg-missing", r'can only concatenate str \(not "bool"\) to str', "ai-toolkit was given no negative prompt and stumbles over that", "`sample.negative` may be empty, but it must be written (`neg: \"\"`)"),
    Known("trigger", r"replace\(\) argument 2 must be str", "the trigger word is a number", "put it in quotes"),
    Known("picture", r"cannot identify image file|image file is truncated|broken data stream|Truncated File Read", "a picture cannot be opened", "`lorabridge data check` names it"),
    Known("mask", r"Mask shape \(.*\) was not the same|Invalid mask_path", "a mask does not fit its picture", "masks have the size and the name of their pictures"),
    Known("control", r"No control file exists for image|KeyError: 'latents_control|Invalid control_path", "a picture has no control picture", "each picture needs one of the same name; `lorabridge data check` names those without"),
    Known("mixed-sizes", r"stack expects each tensor to be equal size", "pictures of two sizes came into one batch", "make the caches anew after a change of the resolution, or `train.batch_size: 1`"),
    Known("many-resolutions", r"You have set a lot of resolutions", "diffusion-pipe refuses more than three resolutions and ends with exit code 0", "three resolutions at most"),
    Known("save-exists", r"FileExistsError", "a file or folder of an earlier save is in the way", "remove what an interrupted save left (`tmp`), or use a fresh output folder"),
    Known("no-save-name", r"unsupported operand type\(s\) for \+: 'NoneType' and 'str'", "the trainer was given no name for its output", "`name` in lorabridge's config; `output_name` in the trainer's own"),
    Known("wandb", r"wandb.*(?:api_key|login|API key)|No wandb|wandb_api_key", "Weights & Biases was asked for and is not set up", "set WANDB_API_KEY, or remove the logging"),
    Known("triton", r"[Tt]riton (?:is not|not) (?:available|installed|working)|No module named 'triton'", "torch.compile needs triton, and it is not here", "`memory.compile: false`"),
    Known("cuda-compute", r"CUDA error|CUBLAS_STATUS|CUDNN_STATUS|cuDNN error", "the GPU or its libraries failed", "run once more; when it comes again, check the driver and the versions of torch and CUDA"),
    Known("no-file", r"FileNotFoundError|No such file or directory|file not found|does not exist|path to DiT model is required", "a file was not found", _PATHS),
)  # fmt: skip
"""In the order in which they are asked: the special before the general."""

_COMPILED = [(row, re.compile(row.pattern)) for row in KNOWN]


def known(text: str) -> tuple[Known, str, str] | None:
    """The first row that fits, with what happened and the way out filled in."""
    for row, pattern in _COMPILED:
        match = pattern.search(text)
        if match:
            groups = [group or "" for group in match.groups()] or [""]
            return row, row.what.format(*groups), row.fix.format(*groups)
    return None
