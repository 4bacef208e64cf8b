"""NAL units of H.264 and HEVC, each after its length."""

import pytest

from harness.service.pipeline.formats import nal_units

UNIT = b"\x65" + bytes(range(1, 256)) * 8


def with_length(unit: bytes) -> bytes:
    return len(unit).to_bytes(4, "big") + unit


@pytest.mark.parametrize(
    ("data", "damaged"),
    [
        pytest.param(with_length(UNIT) * 3, False, id="three units"),
        pytest.param(b"", False, id="nothing"),
        pytest.param(with_length(UNIT + bytes(300)), False, id="padding at the end"),
        pytest.param(with_length(UNIT + bytes(600)), True, id="zeros to the end"),
        pytest.param(with_length(UNIT + bytes(64) + UNIT), True, id="zeros inside"),
        pytest.param(with_length(UNIT) + bytes(100), True, id="a length of zero"),
        pytest.param(with_length(UNIT)[:-1], True, id="a unit longer than the data"),
    ],
)
def test_zeros_and_wrong_lengths_are_damage(data, damaged):
    """An encoder writes neither."""
    assert nal_units.are_damaged(data, 4) is damaged


@pytest.mark.parametrize(
    ("codec", "record", "size"),
    [
        ("h264", b"\x01\x64\x00\x1f\xff", 4),
        ("h264", b"\x01\x64\x00\x1f\xfd", 2),
        ("hevc", b"\x01" + bytes(20) + b"\x0f", 4),
        ("h264", b"\x00\x00\x00\x01\x67", None),
        ("h264", None, None),
        ("mpeg4", b"\x01\x64\x00\x1f\xff", None),
    ],
)
def test_the_size_of_a_length_is_in_the_configuration(codec, record, size):
    """Without a record the units have start codes instead of lengths."""
    assert nal_units.length_size(codec, record) == size
