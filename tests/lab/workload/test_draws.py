"""Keyed draws: the same number for the same key, everywhere and in any order."""

import subprocess
import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.workload.draws import Stream, absorb, stream_id, unit

WORDS = st.integers(0, 2**63 - 1)


class TestStream:
    def test_a_draw_is_pinned_to_its_key(self):
        """
        These bits must not change: recorded runs and other engines depend on them.
        """
        assert Stream(7, 0, "service/zip")(3, 1, 2) == 0.31059355705106795
        assert Stream(7, 1, "service/zip")(3, 1, 2) == 0.880308741074087
        assert Stream(2**63 - 1, 0, "flow")(0) == 0.8335865580200007

    def test_a_draw_depends_on_every_part_of_its_key(self):
        """
        Seven keys with differences in one part have seven different draws.
        """
        draws = {
            Stream(1, 2, "a")(3, 4, 5),
            Stream(9, 2, "a")(3, 4, 5),
            Stream(1, 9, "a")(3, 4, 5),
            Stream(1, 2, "b")(3, 4, 5),
            Stream(1, 2, "a")(9, 4, 5),
            Stream(1, 2, "a")(3, 9, 5),
            Stream(1, 2, "a")(3, 4, 9),
        }

        assert len(draws) == 7

    def test_the_order_of_the_parts_matters(self):
        """
        The draw of entity 1, item 2 is not that of entity 2, item 1.
        """
        stream = Stream(1, 0, "a")

        assert stream(1, 2) != stream(2, 1)

    def test_the_hash_seed_of_the_process_does_not_matter(self):
        """
        Processes with different hash seeds have the same draw.
        """
        code = "from harness.lab.workload.draws import Stream; print(Stream(7, 0, 'service/zip')(3, 1, 2))"
        printed = {
            subprocess.run(
                [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True
            ).stdout
            for seed in ("1", "2")
        }

        assert printed == {b"0.31059355705106795\n"}

    @given(seed=WORDS, replication=WORDS, keys=st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1))
    def test_many_draws_at_once_have_the_same_bits(self, seed, replication, keys):
        """
        The vectorised draws are equal to the single ones.
        """
        stream = Stream(seed, replication, "any")
        entities, items, attempts = (np.array(column) for column in zip(*keys, strict=True))

        many = stream.many(entities, items, attempts)

        assert many.tolist() == [stream(*key) for key in keys]

    def test_consecutive_draws_are_uniform_and_uncorrelated(self):
        """
        A million draws are even in 16 cells, and neighbours are uncorrelated (99.9 % intervals).
        """
        draws = Stream(1, 0, "a").many(np.arange(1_000_000))
        cells = np.bincount((draws * 16).astype(int), minlength=16)
        chi_square = float(((cells - 62_500) ** 2 / 62_500).sum())
        correlation = float(np.corrcoef(draws[:-1], draws[1:])[0, 1])

        assert chi_square < 37.7
        assert abs(correlation) < 0.0033


class TestAbsorb:
    def test_it_is_splitmix64(self):
        """
        The published first three outputs of SplitMix64 for the seed 1234567.
        """
        outputs = [absorb(1234567, word) for word in range(3)]

        assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


class TestUnit:
    def test_a_draw_is_never_zero_or_one(self):
        """
        The smallest and the largest state give draws inside (0, 1), so logarithms are finite.
        """
        assert unit(0) == 2.0**-53
        assert unit(2**64 - 1) == 1 - 2.0**-53


class TestStreamId:
    def test_the_id_of_a_name_does_not_change(self):
        """
        The number is the name's BLAKE2b digest, not Python's hash.
        """
        assert stream_id("service/zip") == 0x0185C1D928B4885C
