import pytest
from similarweb_account import API, DESCRIBE, DESCRIBED


@pytest.fixture(params=["array", "object"])
def described(request, requests_mock):
    """Similarweb's describe in both of its shapes."""
    answer = DESCRIBED if request.param == "array" else {"tables": DESCRIBED}
    return requests_mock.get(DESCRIBE, json=answer)


@pytest.fixture
def undescribed(requests_mock):
    """Similarweb without describe."""
    for path in ("/v3/batch/tables/describe", "/batch/tables/describe"):
        requests_mock.get(f"{API}{path}", status_code=404)
    return requests_mock
