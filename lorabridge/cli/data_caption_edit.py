"""`lorabridge data caption-edit`"""

from __future__ import annotations

import click


@click.command("caption-edit")
@click.argument("target", metavar="FOLDER|CONFIG")
@click.option("--replace", "literal", nargs=2, multiple=True, metavar="OLD NEW", help="Replace text (repeatable).")
@click.option("--regex", nargs=2, multiple=True, metavar="PATTERN NEW", help=r"Replace a regular expression; \1 is its first group.")
@click.option("--remove-trigger", default="", metavar="WORD", help="Take a word out, with its comma.")
@click.option("--prefix", default="", metavar="TEXT", help="Put in front, where it does not stand yet.")
@click.option("--suffix", default="", metavar="TEXT", help="Put at the end, where it does not stand yet.")
@click.option("--trigger", default="", metavar="WORD", help="Put a word in front where it is absent.")
@click.option("--extension", default="", metavar=".EXT", help="Ending of the captions [.txt, or what the config says].")
@click.option("--recursive", is_flag=True, help="Sub-folders too.")
@click.option("--write", is_flag=True, help="Do it. Without, the changes are only shown.")
@click.option("--undo", is_flag=True, help="Take back the newest edit of this folder or config.")
@click.option("--all", "everything", is_flag=True, help="Show every change, not the first twenty.")
def command(
    target: str,
    literal: tuple[tuple[str, str], ...],
    regex: tuple[tuple[str, str], ...],
    remove_trigger: str,
    prefix: str,
    suffix: str,
    trigger: str,
    extension: str,
    recursive: bool,
    write: bool,
    undo: bool,
    everything: bool,
) -> int:
    """Change captions in bulk. Shows what would change; `--write` does it, `--undo` takes it back. Pictures are never touched.

    \b
    The order: replace, regex, remove-trigger, prefix, suffix, trigger.
    Exit codes: 0 done or nothing to do, 1 some captions could not be changed, 2 usage.
    Example: lorabridge data caption-edit data/cat --trigger ohwx
             lorabridge data caption-edit qwen.yaml --regex '(?i)\\bkitten\\b' cat --write
    """
    from lorabridge.cli.data_check import is_text
    from lorabridge.data.edit import steps
    from lorabridge.plan.captions import edit_captions, undo_captions

    pairs = "".join(part for pair in (*literal, *regex) for part in pair)
    is_text(remove_trigger=remove_trigger, prefix=prefix, suffix=suffix, trigger=trigger, replace=pairs)
    try:
        edits = steps(replace=literal, regex=regex, remove_trigger=remove_trigger, prefix=prefix, suffix=suffix, trigger=trigger)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--regex") from None
    if undo:
        if edits or write:
            raise click.UsageError("`--undo` stands alone")
        text, problems = undo_captions(target)
    elif not edits:
        raise click.UsageError("nothing to do: name an edit, such as `--prefix TEXT`")
    else:
        text, problems = edit_captions(
            target, edits, extension=extension, recursive=recursive, write=write, most=None if everything else 20
        )
    from lorabridge.cli.common import report

    report(problems, "text", {}, err=True)
    click.echo(text, nl=False)
    return int(bool(problems))
