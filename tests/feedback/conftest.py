"""People who ask, as the storage tests have them."""

from tests.storage.conftest import ask, person

__all__ = ["ask", "person"]
