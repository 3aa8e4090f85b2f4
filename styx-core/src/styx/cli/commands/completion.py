"""``styx completion``: the script that makes a shell complete ``styx``."""

from __future__ import annotations

import click

from styx.cli.command import Command
from styx.cli.values import OneOf

PROGRAM = "styx"
INSTALL = """
# for every bash from now on
mkdir -p ~/.local/share/bash-completion/completions
styx completion bash > ~/.local/share/bash-completion/completions/styx
# zsh: ~/.zfunc stands for a directory in $fpath
mkdir -p ~/.zfunc && styx completion zsh > ~/.zfunc/_styx
# fish
mkdir -p ~/.config/fish/completions
styx completion fish > ~/.config/fish/completions/styx.fish
# for this shell only
eval "$(styx completion bash)"
"""


@click.command(cls=Command, notes={"Examples": INSTALL})
@click.argument("shell", type=OneOf(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell: commands, options, names of clusters, clouds and plugins."""
    from click.shell_completion import get_completion_class

    complete = get_completion_class(shell)
    assert complete is not None, "click completes the shells that the argument allows"
    click.echo(complete(ctx.find_root().command, {}, PROGRAM, f"_{PROGRAM.upper()}_COMPLETE").source())
