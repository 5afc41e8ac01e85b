"""Shards: disjoint, together whole, the same for every process."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tap_reports.models import Shard


@given(st.integers(0, 200), st.integers(1, 20), st.text(max_size=20))
def test_the_shards_of_a_list_are_disjoint_and_cover_it(length, count, report):
    slices = list(range(length))
    shares = [Shard(index, count).share_of(slices, report) for index in range(count)]
    assert sorted(one for own in shares for one in own) == slices
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
