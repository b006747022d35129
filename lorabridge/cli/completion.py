"""`lorabridge completion`"""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> int:
    """Print the completion script of a shell.

    \b
    bash: lorabridge completion bash > ~/.local/share/bash-completion/completions/lorabridge
    zsh:  lorabridge completion zsh > "${fpath[1]}/_lorabridge"
    fish: lorabridge completion fish > ~/.config/fish/completions/lorabridge.fish
    """
    from click.shell_completion import get_completion_class

    from lorabridge.cli.main import app

    found = get_completion_class(shell)
    assert found is not None, "click knows the three shells of the choice above"
    click.echo(found(app, {}, "lorabridge", "_LORABRIDGE_COMPLETE").source())
    return 0
