import pytest

# The behaviours are no test modules themselves, so their assertions have to be asked for.
pytest.register_assert_rewrite("tests.contract.behaviours")
