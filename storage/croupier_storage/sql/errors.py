"""Translation of driver errors into this package's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from croupier_storage.errors import InvalidFact, StorageError, StoreUnavailable

Explain: TypeAlias = Callable[[BaseException], StorageError]


@contextmanager
def translate_errors(explain: Explain, driver: type[Exception] = DBAPIError) -> Iterator[None]:
    """Run a block of database work; errors of the driver or the operating system are raised as `StorageError`.

    Args:
        explain: Converts an error of the dialect's driver to the error to raise: what is wrong, the harm, what to do.
        driver: The base class of the driver's errors, for blocks that use the driver directly.
    """
    try:
        yield
    except DBAPIError as error:
        raise explain(error.orig or error) from error
    except driver as error:
        raise explain(error) from error
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the store could not be reached, nothing of this call was stored: {error}") from error
    except OSError as error:
        raise StoreUnavailable(f"the system refused access to the store, nothing was stored: {error}") from error
    except (AssertionError, AttributeError) as error:
        # SQLAlchemy cleans up after what interrupted it, and fails at a transaction that has not begun or not ended
        context: BaseException | None = error
        while isinstance(context, Exception):
            context = context.__context__
        if context is not None:
            raise context from None
        raise
    except (OverflowError, UnicodeError) as error:
        raise InvalidFact(f"the database cannot store a value, nothing was stored: {error}") from error
