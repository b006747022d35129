"""`lorabridge data new`"""

from __future__ import annotations

import click


@click.command("new")
@click.argument("folder", type=click.Path(file_okay=False))
@click.option("--caption", default=None, metavar="TEXT", help="Write this caption for every picture and clip that has none.")
@click.option("--extension", default=".txt", show_default=True, metavar=".EXT", help="Ending of caption files.")
@click.option(
    "--list",
    "list_path",
    type=click.Path(dir_okay=False),
    metavar="OUT",
    help="Write the captions as a list too: `captions.json` (diffusion-pipe) or any `.jsonl` (musubi-tuner).",
)
def command(folder: str, caption: str | None, extension: str, list_path: str | None) -> int:
    """Print the config entry for a folder of pictures or clips; make the folder when there is none. Nothing is overwritten.

    \b
    Example: lorabridge data new data/cat --caption "a photo of ohwx" >> qwen.yaml
    """
    import re
    from pathlib import Path

    from lorabridge.cli.data_check import is_text
    from lorabridge.data.new import entry, look, write_captions, write_list

    if not re.fullmatch(r"\.[A-Za-z0-9_.-]+", extension):
        raise click.BadParameter("an extension starts with a dot, as in `.txt`", param_hint="--extension")
    is_text(caption=caption or "")
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        found = look(folder, extension)
        failed: list[str] = []
        if caption is not None:
            count, failed = write_captions(folder, found.bare, extension, caption)
            click.echo(f"{count:,} caption files written", err=True)
            found = look(folder, extension)
        if list_path is not None:
            count = write_list(Path(list_path), folder, found, extension)
            click.echo(f"{count:,} captions in {list_path}", err=True)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    for line in failed:
        click.echo(line, err=True)
    if found.bare:
        click.echo(f"{len(found.bare):,} of {len(found.pictures) + len(found.clips):,} files have no caption", err=True)
    click.echo(entry(folder, found, extension), nl=False)
    return int(bool(failed))
