from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from libs.common.bus.partition import murmur2, partition_of


@pytest.mark.parametrize(
    ("data", "hash_in_java"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_hashes_are_those_of_the_java_client(data: bytes, hash_in_java: int) -> None:
    assert murmur2(data) == hash_in_java % 2**32


@given(st.binary(max_size=200))
def test_hashes_are_those_of_other_clients(data: bytes) -> None:
    assert murmur2(data) == murmur2_of_aiokafka(data) % 2**32


@given(st.text(max_size=50), st.integers(1, 100))
def test_every_key_has_a_partition(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
