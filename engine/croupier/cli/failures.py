"""The one place where failures of the command line become a line on stderr and an exit status."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperGroup

from croupier.errors import CroupierError, StoreError, UnreadableFile
from croupier.reports.escaping import visible

PROGRAM: Final = "croupier"
TRACEBACK: Final = "--traceback"
# Of the errors of its parser, typer exports only this one; its bases are UsageError and then ClickException. Older
# releases take them from the package click, newer ones have a copy of their own.
USAGE_ERRORS: Final = typer.BadParameter.__mro__[2]


class Status(IntEnum):
    """The exit statuses."""

    DONE = 0
    CHECK_FAILED = 1
    WRONG_USE = 2
    UNREADABLE = 3
    BUG = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it
    BROKEN_PIPE = 141  # 128 + SIGPIPE


class CheckFailed(CroupierError):
    """What was to be checked does not hold: a log is unsound, or an estimate is refused."""


@contextmanager
def reading_file(path: Path) -> Iterator[None]:
    """Turn what readers of files raise about the file into `UnreadableFile`."""
    try:
        yield
    except CroupierError:
        raise  # InputError is a ValueError, too
    except OSError as error:
        raise UnreadableFile(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeError as error:
        raise UnreadableFile(f"cannot read {path}: it is not text in UTF-8 ({error})") from error
    except _format_errors() as error:
        raise UnreadableFile(f"cannot read {path}: {error}") from error


def _format_errors() -> tuple[type[Exception], ...]:
    """The errors of readers that have been imported by now; pyarrow need not be installed."""
    modules = (("_csv", "Error"), ("orjson", "JSONDecodeError"), ("pyarrow", "ArrowException"))
    return tuple(getattr(sys.modules[module], name) for module, name in modules if module in sys.modules)


def describe(error: BaseException) -> tuple[Status, str]:
    """The exit status of an error, and its message.

    >>> from croupier.errors import InputError, StoreInUse
    >>> describe(InputError("no such thing"))
    (<Status.WRONG_USE: 2>, 'InputError: no such thing')
    >>> describe(StoreInUse("the store is open elsewhere"))[0]
    <Status.UNREADABLE: 3>
    >>> describe(ZeroDivisionError("division by zero"))[1]
    'this is a bug: ZeroDivisionError: division by zero; run ... --traceback and report what it prints'
    """
    match error:
        case KeyboardInterrupt():
            return Status.INTERRUPTED, "interrupted"
        case CheckFailed():
            return Status.CHECK_FAILED, str(error)
        case UnreadableFile():
            return Status.UNREADABLE, str(error)
        case StoreError():
            return Status.UNREADABLE, f"{type(error).__name__}: {error}"
        case CroupierError():
            return Status.WRONG_USE, f"{type(error).__name__}: {error}"
        case OSError():
            named = f"{error.filename}: " if error.filename else ""
            return Status.UNREADABLE, f"cannot read or write {named}{error.strerror or error}"
    if isinstance(error, USAGE_ERRORS):
        return Status.WRONG_USE, _usage(error)
    return (
        Status.BUG,
        f"this is a bug: {type(error).__name__}: {error}; run the command again with {TRACEBACK} and report what it "
        "prints",
    )


def _usage(error: Any) -> str:
    """What the parser of the command line refused, and where the right use is described."""
    context = getattr(error, "ctx", None)
    command = PROGRAM if context is None else context.command_path
    message = " ".join(error.format_message().split()).rstrip(".")
    return f"{message}; see {command} --help"


class CommandGroup(TyperGroup):
    """The root of the command line, which reports every failure below it."""

    def main(  # type: ignore[override] # the parent's further arguments are for completion and for embedding
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **_: Any
    ) -> None:
        """Run a command, and exit with its status."""
        given = list(sys.argv[1:] if args is None else args)
        options = given[: given.index("--")] if "--" in given else given
        arguments = [word for word in options if word != TRACEBACK] + given[len(options) :]
        with _output():
            status = self._run(arguments, prog_name or PROGRAM, TRACEBACK in options)
        sys.exit(status)

    def _run(self, arguments: list[str], name: str, with_traceback: bool) -> int:
        try:
            with self.make_context(name, arguments) as context:
                self.invoke(context)
            sys.stdout.flush()
        except typer.Exit as request:
            return request.exit_code
        except BrokenPipeError:
            # The reader, `head` perhaps, has what it wanted. Python would flush stdout again at exit, and fail again.
            with suppress(OSError, ValueError):  # a stdout that is no file has no descriptor
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return Status.BROKEN_PIPE
        except (Exception, KeyboardInterrupt) as error:  # whatever it is, the user gets one line
            status, message = describe(error)
            if with_traceback:
                lines = "".join(traceback.format_exception(error)).splitlines()
                print("\n".join(map(visible, lines)), file=sys.stderr)
            print(f"{PROGRAM}: {visible(message)}", file=sys.stderr)
            return status
        return Status.DONE


@contextmanager
def _output() -> Iterator[None]:
    """Warnings as one line each on stderr, and characters that the terminal's encoding lacks as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")
    before = warnings.showwarning
    warnings.showwarning = _show_warning
    try:
        yield
    finally:
        warnings.showwarning = before


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"{PROGRAM}: warning: {visible(str(message))}", file=sys.stderr)
