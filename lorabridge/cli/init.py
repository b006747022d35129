"""`lorabridge init`"""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", default="lora.yaml")
@click.option("--preset", "-p", default="character", show_default=True, help="character, style, concept or quick-test.")
@click.option("--family", "-f", default="qwen-image", show_default=True, help="Model family; `lorabridge families` lists them.")
@click.option("--variant", default="auto", help="Variant of the family.")
@click.option("--backend", "-b", help="Write the paths that this trainer needs [default: the first that can].")
@click.option("--name", help="Name of the run [default: from the file].")
@click.option("--trigger", default="", help="Trigger word.")
@click.option("--images", default="data/images", show_default=True, help="Folder of pictures.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@click.option("--list", "listed", is_flag=True, help="List the presets.")
def command(
    file: str,
    preset: str,
    family: str,
    variant: str,
    backend: str | None,
    name: str | None,
    trigger: str,
    images: str,
    force: bool,
    listed: bool,
) -> int:
    """Write a commented config.

    Example: lorabridge init cat.yaml --family z-image --preset character --trigger "ohwx cat"
    """
    from lorabridge.files import write_atomic
    from lorabridge.plan.start import StartError, presets, starting_config

    if listed:
        for key, doc in presets().items():
            click.echo(f"{key:<12}{doc}")
        return 0
    path = Path(file)
    if path.exists() and not force:
        raise click.ClickException(f"`{file}` exists; choose another name, or replace it with --force")
    try:
        text = starting_config(
            file=file, preset=preset, family_name=family, variant_name=variant, backend=backend, name=name, trigger=trigger, images=images
        )
    except StartError as error:
        raise click.UsageError(str(error)) from None
    try:
        write_atomic(path, text)
    except OSError as error:
        raise click.ClickException(f"cannot write `{file}`: {error.strerror or error}") from error
    click.echo(f"wrote {file}. Next: edit the paths, then `lorabridge check {file} --paths`")
    return 0
