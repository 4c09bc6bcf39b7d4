"""`meshkit completion`, `gan completion`: what a shell needs to complete commands and options."""

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that lets SHELL complete commands, options and values of this program.

    \b
    Example: meshkit completion bash
      bash    eval "$(meshkit completion bash)" in ~/.bashrc
      zsh     eval "$(meshkit completion zsh)" in ~/.zshrc, after compinit
      fish    meshkit completion fish > ~/.config/fish/completions/meshkit.fish

    For gan, the same with gan in place of meshkit.
    """  # noqa: D301 (click reads the character)
    from click.shell_completion import get_completion_class

    root = click.get_current_context().find_root().command
    # The name of the program, not how it was called: python -m meshkit is not completed.
    program = root.callback.__module__.partition(".")[0] if root.callback else "meshkit"
    completer = get_completion_class(shell)
    assert completer is not None
    click.echo(completer(root, {}, program, f"_{program.upper()}_COMPLETE").source())
