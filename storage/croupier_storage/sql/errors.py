"""The one place where a driver's errors become this package's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from croupier_storage.errors import InvalidFact, StorageError, StoreUnavailable

Explain: TypeAlias = Callable[[BaseException], StorageError]


@contextmanager
def translate_errors(explain: Explain, driver: type[Exception] = DBAPIError) -> Iterator[None]:
    """Run a block of database work; what a driver or the system raises in it leaves as a `StorageError`.

    Args:
        explain: turns an error of the dialect's driver into the error to raise: what is wrong, the harm, what to do.
        driver: the root of the driver's own errors, where a block speaks to the driver itself.
    """
    try:
        yield
    except DBAPIError as error:
        raise explain(error.orig or error) from error
    except driver as error:
        raise explain(error) from error
    except SQLAlchemyError as error:
        raise StoreUnavailable(f"the store could not be reached, nothing of this call was kept: {error}") from error
    except OSError as error:
        raise StoreUnavailable(f"the system refused access to the store, nothing was kept: {error}") from error
    except (OverflowError, UnicodeError) as error:
        raise InvalidFact(f"a value that the database cannot hold, nothing was kept: {error}") from error
