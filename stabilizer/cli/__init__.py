"""The command line: arguments in, calls out. The only place that prints, and that ends the program.

Heavy modules are imported inside the commands, so that `--help` answers at once.
"""

import re
import sys
from typing import Annotated, NoReturn

import typer

from gyro_data.errors import GyroDataError
from stabilizer.cli import calibrate, convert, info, plan, simulate, stabilize, sync
from stabilizer.cli.grouping import grouped
from stabilizer.cli.show import begin
from stabilizer.errors import StabilizerError, SyncRefused
from stabilizer.interruption import INTERRUPTED, end_interrupted, say

__all__ = ["app", "main"]

BAD_INPUT, SYNC_FAILED = 2, 3

_ARGUMENT_ERROR = re.compile(r"[\w\[\] ]+: expected ")
"""How every check of an argument begins its message; other ValueErrors are bugs of ours."""

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    stabilize.stabilize,
    plan.plan,
    sync.sync,
    calibrate.calibrate,
    info.info,
    convert.convert,
    simulate.simulate,
):
    app.command()(grouped(command))


def main() -> NoReturn:
    """Run the program.

    0: done, 2: bad input or usage, 3: not synchronized, 4: what a damaged video holds was saved,
    130: interrupted; all but 0 with a line on stderr.
    """
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:  # where typer does not look out for it
        code = INTERRUPTED
    except stabilize.InterruptedBeside as error:
        end_interrupted(str(error))
    except typer.TyperException as error:
        if not error.format_message():  # help was asked for by giving no command
            sys.exit(BAD_INPUT)
        _fail(f"{error.format_message()} (see --help)", BAD_INPUT)
    except SyncRefused as error:
        _fail(str(error), SYNC_FAILED)
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror or error}", BAD_INPUT)
    except SystemExit:  # of typer and rich, where nobody reads the output any more
        _fail("output: Broken pipe", BAD_INPUT)
    except (GyroDataError, StabilizerError) as error:
        _fail(str(error), BAD_INPUT)
    except (ValueError, TypeError) as error:
        if not _ARGUMENT_ERROR.match(str(error)):
            raise
        _fail(str(error), BAD_INPUT)
    if code == INTERRUPTED:  # which typer makes of KeyboardInterrupt elsewhere
        end_interrupted()
    sys.exit(code or 0)


def _fail(message: str, code: int) -> NoReturn:
    say(f"stabilizer: error: {' '.join(message.split())}")
    sys.exit(code)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"stabilizer {version('gyro-stabilizer')}")
        raise typer.Exit


@app.callback()
def _program(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say what was decided and why.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Make a steady video of a shaky one, with the gyro log that was recorded beside it."""
    begin(verbose)
