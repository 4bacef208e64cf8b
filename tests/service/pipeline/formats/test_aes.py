"""AES, by the examples of its standard."""

from harness.service.pipeline.formats.aes import encrypt_cbc


def test_one_block():
    """FIPS 197, C.1; with a vector of zeros, CBC is the cipher itself."""
    key = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
    text = bytes.fromhex("00112233445566778899aabbccddeeff")

    assert encrypt_cbc(key, bytes(16), text).hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"


def test_blocks_are_chained():
    """NIST SP 800-38A, F.2.1."""
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    vector = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
    text = bytes.fromhex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51")

    assert encrypt_cbc(key, vector, text).hex() == (
        "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    )
