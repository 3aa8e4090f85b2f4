"""``styx-server``: run the server, and look after its users and tokens."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import click

from styx.api.errors import StyxError


@click.group(
    invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0 is any that is free.")
@click.option("--home", type=click.Path(file_okay=False, path_type=Path), help="Instead of $STYX_HOME or ~/.styx.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="The certificate chain, PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its private key, PEM.")
@click.option("--tls-own", is_flag=True, help="A certificate of its own, made in the home: pinned by its fingerprint.")
@click.option("--behind-proxy", is_flag=True, help="What stands in front speaks TLS, and says whom it speaks for.")
@click.option("--proxy", multiple=True, metavar="ADDRESS", help="Who may be in front, or a network; else any private.")
@click.option("--at-once", type=click.IntRange(min=1), help="Managed jobs at a time, instead of what config.yaml says.")
@click.option("--lock", type=int, hidden=True)  # see styx.client.local.hold
@click.version_option(package_name="styx-core", prog_name="styx-server")
@click.pass_context
def cli(
    context: click.Context,
    host: str,
    port: int,
    home: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_own: bool,
    behind_proxy: bool,
    proxy: tuple[str, ...],
    at_once: int | None,
    lock: int | None,
) -> None:
    """Run the Styx server: the engine and the managed jobs of an installation, behind an HTTP interface.

    Whoever asks it for anything shows a token. That of the home's own user is in server.json in the home, which only
    they can read; `styx-server token create` makes others. On addresses that other machines can reach, it takes TLS.
    """
    if home is not None:
        os.environ["STYX_HOME"] = str(home.absolute())
    if context.invoked_subcommand is not None:
        return
    gc.disable()  # until all is loaded: what is made by then stays, and to look through it takes a sixth of the time
    from styx.server.serving import serve
    from styx.server.settings import PRIVATE, Settings

    if tls_own:
        tls_cert, tls_key = _own(tls_cert or tls_key)
    if proxy and not behind_proxy:
        raise click.UsageError("--proxy goes with --behind-proxy")
    settings = Settings(
        host=host,
        port=port,
        tls_cert=tls_cert,
        tls_key=tls_key,
        behind_proxy=behind_proxy,
        proxies=proxy or PRIVATE,
    )
    settings.check()
    serve(settings, at_once, lock)


def _own(given: Path | None) -> tuple[Path, Path]:
    from styx.config import home
    from styx.server.http import certificate

    if given is not None:
        raise click.UsageError("--tls-own is instead of --tls-cert and --tls-key")
    return certificate.own(home())


@cli.command("fingerprint")
def fingerprint() -> None:
    """Print the fingerprint of the certificate of --tls-own, for `styx api login --fingerprint`."""
    from styx.config import home
    from styx.server.http import certificate

    place = home()
    is_new = not (place / certificate.CERTIFICATE).exists()
    found = certificate.fingerprint(certificate.own(place)[0])
    if is_new:
        click.echo(f"{place} had no certificate of a server; one was made there now.", err=True)
    click.echo(found)


def main() -> None:
    """The program. What Styx raises on purpose is a sentence and what to do next, never a traceback."""
    from styx.server.auth import accounts

    accounts.add_to(cli)
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except StyxError as error:
        click.echo(f"Error: {error.message}", err=True)
        if error.hint:
            click.echo(f"Hint: {error.hint}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
