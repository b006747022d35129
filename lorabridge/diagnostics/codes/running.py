"""LB7xx: a run and its record."""

from __future__ import annotations

from lorabridge.diagnostics.codes.row import Code

ROWS: tuple[Code, ...] = (
    Code("LB701", "trainer not found", "The trainer is not installed where it was looked for.", "Nothing can be started.", "", ""),
    Code("LB702", "trainer failed", "A stage ended with an error.", "The run is not complete.", "", ""),
    Code(
        "LB703",
        "ended without training",
        "The trainer ended without an error, but the planned steps were not done.",
        "Exit code 0 does not mean trained.",
        "",
        "",
    ),
    Code(
        "LB704",
        "out of memory",
        "The trainer ran out of GPU memory.",
        "The run is not complete; a smaller setting of the same intent may fit.",
    ),
    Code(
        "LB705",
        "training diverged",
        "The loss is not a finite number.",
        "Trainers go on and save a LoRA of NaN; steps after the first one are lost.",
        refs=("ostris/ai-toolkit#503", "kohya-ss/musubi-tuner#26"),
    ),
    Code(
        "LB706",
        "the result is no LoRA",
        "The run left no checkpoint, or one that cannot be read.",
        "It would fail to load, or load as nothing.",
        refs=("ostris/ai-toolkit#975",),
    ),
    Code(
        "LB707",
        "the supervisor died",
        "The process that supervised the run was killed, or the machine went down. What was left of the run was ended.",
        "The trainer would have gone on unwatched, with a GPU that nothing knows of.",
    ),
    Code(
        "LB708",
        "changed since the run began",
        "The config, or the trainer's commit, is not what the run was started with.",
        "A resumed run would silently be another one; many an over-trained LoRA began so.",
        refs=("kohya-ss/sd-scripts#1999", "ostris/ai-toolkit#329"),
    ),
    Code(
        "LB720",
        "the loss is not finite",
        "While training, the loss became NaN or infinite.",
        "The adapter's weights are lost from this step on; ai-toolkit then shows a loss of 0 and goes on.",
        refs=("ostris/ai-toolkit#503",),
    ),
    Code(
        "LB721",
        "the loss is exactly 0",
        "While training, the loss was exactly 0 twice in a row.",
        "Nothing is learned, or the trainer hides a loss that was not finite.",
    ),
    Code("LB722", "the training diverges", "The loss rose far above its best average.", "What is saved from here on is worse than before."),
    Code("LB723", "the trainer is silent", "Nothing was said for longer than the phase may take.", "A GPU is paid for and does nothing."),
    Code(
        "LB724",
        "the trainer failed and does not end",
        "An error was told, and the process lives on.",
        "diffusion-pipe hangs for ever after an exception while caching.",
    ),
    Code(
        "LB725",
        "the trainer ended and did not train",
        "The training stage ended with exit code 0 before the planned steps.",
        "Exit code 0 does not mean trained.",
    ),
    Code(
        "LB726",
        "the steps run backwards",
        "The step counter went back, or began again after a resume.",
        "Files of the same name are overwritten, and the length is not the planned one.",
    ),
    Code(
        "LB727",
        "out of memory while training",
        "An error told of memory that was not there.",
        "The run has ended; `--on-oom retry` tries again with one smaller setting.",
    ),
    Code(
        "LB728",
        "a batch was left out",
        "A batch did not fit into memory and the trainer went on without it.",
        "The largest pictures are never trained.",
    ),
    Code(
        "LB729",
        "no room for the next save",
        "The disk has less room than the next save takes.",
        "The save would fail or be cut off, and the training since the last one be lost.",
    ),
    Code("LB730", "the disk is filling up", "Fewer than three more saves fit.", "The run will fail at a later save."),
    Code(
        "LB731",
        "the GPU is lost",
        "The driver reports a fatal fault, or the GPU does not answer.",
        "Nothing can be trained until the machine was restarted.",
    ),
    Code(
        "LB732",
        "the loss does not move",
        "Many updates in a row show the same loss.",
        "A frozen adapter or a learning rate of 0 looks like this.",
    ),
    Code(
        "LB733",
        "the GPU is slowed down",
        "It is too hot, or the driver holds its clock down.",
        "The run takes longer than planned; heat shortens its life.",
    ),
    Code(
        "LB734",
        "the learning rate is not the planned one",
        "The trainer shows another learning rate than the plan.",
        "Another schedule or another value is at work than the config says.",
    ),
    Code(
        "LB735",
        "whose log it is cannot be told",
        "The bytes of a log do not tell which trainer wrote it.",
        "Each trainer's words mean something else.",
    ),
    Code("LB736", "no such stage", "The trainer has no stage of this name.", "A log is read with the words of its stage."),
    Code(
        "LB737",
        "the file gives no events",
        "A log, database or event file cannot be read, or is damaged.",
        "What could be read was printed.",
    ),
    Code(
        "LB738",
        "the number of steps is not the planned one",
        "The trainer counts to another number of steps than the plan.",
        "The training will be shorter or longer than was asked for.",
    ),
    Code(
        "LB740",
        "the ladder ends early",
        "A short run did not pass one of its gates.",
        "The real run would fail in the same way, later and for more money.",
    ),
    Code("LB741", "no metrics", "The record of a run cannot be read, or holds no training step.", "There is nothing to export."),
    Code("LB742", "the metrics were not written", "The place to write to refuses.", "Nothing was exported."),
)
