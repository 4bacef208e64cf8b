"""PDF documents: complete or not, and with or without a password to open them."""

import io

import pytest

from harness.lab.workload.media.documents import document
from harness.service.pipeline.formats import pdf_document
from harness.service.pipeline.formats.undecodable import PDF_ENCRYPTED, Undecodable

# Encryption dictionaries and document ids, written by pypdf: with a password for the owner only, and with one
# to open the document.
OWNER_ONLY = {
    "RC4, 40 bits": (
        (
            b"/V 1 /R 2 /Length 40 /P 4294967292 /Filter /Standard"
            b"/O <c92422687facee686e373f10b5c7d04738053152f7e2ee30e11c69ec442576ab>"
            b"/U <5e22be205c187e8b96ca0256149b293c280b94aa3e4c51629dee2110f12fb7e9>"
        ),
        b"64b54745664474228c0ad2f2291ad4a5",
    ),
    "RC4, 128 bits": (
        (
            b"/V 2 /R 3 /Length 128 /P 4294967292 /Filter /Standard"
            b"/O <566fa873ee33c797cd3b904fdadf814afa34df9a38f6ed41b984e2c6da2aa6f5>"
            b"/U <635352dc00770f4cc7151ca76051622328bf4e5e4e758a4164004e56fffa0108>"
        ),
        b"3dc37fbb108f34d61fb6844ce09c5cb7",
    ),
    "AES, 128 bits": (
        (
            b"/V 4 /R 4 /Length 128 /P 4294967292 /Filter /Standard"
            b"/O <566fa873ee33c797cd3b904fdadf814afa34df9a38f6ed41b984e2c6da2aa6f5>"
            b"/U <56ff2fbf93ed498367baea23b32757ce28bf4e5e4e758a4164004e56fffa0108>"
            b"/CF << /StdCF << /AuthEvent /DocOpen /CFM /AESV2 /Length 16 >> >> /StmF /StdCF /StrF /StdCF"
        ),
        b"71a2ca6d719e2b3149cc61b77c1a80b5",
    ),
    "AES, 256 bits": (
        (
            b"/V 5 /R 6 /Length 256 /P 4294967292 /Filter /Standard"
            b"/U <841efbaed0e64ec23be0fd252ba0d4df3b94949b1c2cf94bc8b327af3193f76c"
            b"057c330002d21a0652b0b33e1cda8622>"
        ),
        b"bc9dba05c193d21c77f43e24a631846d",
    ),
}
TO_OPEN = {
    "RC4, 40 bits": (
        (
            b"/V 1 /R 2 /Length 40 /P 4294967292 /Filter /Standard"
            b"/O <92fe0f4454ad4c9644693f33c07cb54f587dce1e2682fe9ecea6107a1ef630dd>"
            b"/U <c7ab101bdec5b594ebf83a6db8f6ad1e6ed332a43d5c97125f8c924f34e30de0>"
        ),
        b"9060741cfaf250ade7def88867efb97b",
    ),
    "AES, 128 bits": (
        (
            b"/V 4 /R 4 /Length 128 /P 4294967292 /Filter /Standard"
            b"/O <0db5855fc5326569e765906caf64e4429a4c20d6e996fdef963e9b5080f9e083>"
            b"/U <48740d8af2d5ec266c409dba23c457ff28bf4e5e4e758a4164004e56fffa0108>"
        ),
        b"c56dba936264485d5f378602ccbbe958",
    ),
    "AES, 256 bits": (
        (
            b"/V 5 /R 6 /Length 256 /P 4294967292 /Filter /Standard"
            b"/U <6183cc1ab78925e7a015777a8519ef66d4617f72c4b579c352a7eb11b2b57916"
            b"f088071ac202ab97c44c18f6afceeb30>"
        ),
        b"52f83714782f813d5c36f4837e451c1d",
    ),
    "a certificate": (b"/V 4 /Filter /Adobe.PubSec", b"52f83714782f813d5c36f4837e451c1d"),
}


def encrypted(dictionary: bytes, document_id: bytes) -> io.BytesIO:
    plain = document(1).content
    entry = b"7 0 obj\n<< %s >>\nendobj\n" % dictionary
    trailer = b"trailer\n<< /ID [ <%s> <%s> ] /Encrypt 7 0 R" % (document_id, document_id)
    return io.BytesIO(plain.replace(b"xref\n0", entry + b"xref\n0", 1).replace(b"trailer\n<<", trailer, 1))


@pytest.mark.parametrize("name", OWNER_ONLY)
def test_a_document_with_restrictions_opens(name):
    """Only its owner needs the password."""
    pdf_document.check(encrypted(*OWNER_ONLY[name]))


@pytest.mark.parametrize("name", TO_OPEN)
def test_a_document_that_needs_a_password_is_refused(name):
    """Nobody could read the download."""
    with pytest.raises(Undecodable, match="only with a password") as refused:
        pdf_document.check(encrypted(*TO_OPEN[name]))

    assert refused.value.code == PDF_ENCRYPTED


def test_strings_may_be_written_with_escapes():
    """Binary strings in parentheses have escapes and nested parentheses."""
    dictionary, document_id = OWNER_ONLY["RC4, 40 bits"]
    start = dictionary.index(b"<5e22")
    user = bytes.fromhex(dictionary[start + 1 : -1].decode())
    escaped = b"".join(b"\\%03o" % byte if byte in b"\\()\r\n" else bytes([byte]) for byte in user)

    pdf_document.check(encrypted(dictionary[:start] + b"(" + escaped + b")", document_id))


def test_text_that_looks_like_a_trailer_is_ignored():
    """A comment may contain the word."""
    content = document(1).content.replace(b"xref\n0", b"% /Encrypt 99 0 R\nxref\n0", 1)

    pdf_document.check(io.BytesIO(content))


@pytest.mark.parametrize("dictionary", [b"/Filter /Standard", b"/Filter /Standard /R 3 /Length 0 /U <0>"])
def test_a_damaged_dictionary_is_refused(dictionary):
    """It is no defect of the service."""
    with pytest.raises(Undecodable):
        pdf_document.check(encrypted(dictionary, b"00"))
