from __future__ import annotations

import pytest
from impact_account import PREFIX, attributes


@pytest.fixture
def listing(requests_mock):
    """Let the account have these reports, with one column each unless given."""

    def make(*entries, **metadata):
        requests_mock.get(f"{PREFIX}/Reports", json={"Reports": list(entries), "@nextpageuri": ""})
        for found in entries:
            answer = metadata.get(found["Id"], attributes(Day="String"))
            requests_mock.get(f"{PREFIX}/Reports/{found['Id']}/MetaData", json=answer)
        return requests_mock

    return make
