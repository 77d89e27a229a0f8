"""Shape types such as `Float[Tensor, "B T V"]`, checked in tests only: see conftest."""

from collections.abc import Callable

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep673Exception

AN_INT_IS_A_FLOAT = BeartypeConf(is_pep484_tower=True)


def checked(function: Callable) -> Callable:
    """`function` with its arguments and result checked on every call, unless it is annotated with Self.

    beartype understands Self only where it decorates the class; jaxtyping decorates methods one by one.
    """
    try:
        return beartype(conf=AN_INT_IS_A_FLOAT)(function)
    except BeartypeDecorHintPep673Exception:
        return function
