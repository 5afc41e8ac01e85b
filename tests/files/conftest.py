"""A reader of small report files for each test."""

import pytest
from file_reader import Reader


@pytest.fixture
def reader(tmp_path):
    return Reader(tmp_path)


@pytest.fixture(scope="session")
def session_reader(tmp_path_factory):
    """For property tests, whose examples share a folder."""
    return Reader(tmp_path_factory.mktemp("files"))
