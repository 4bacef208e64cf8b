"""PDF documents: complete or not, and with or without a password to open them."""

import io
import re

import pytest
from pypdf import PdfWriter

from harness.lab.workload.media.documents import document
from harness.service.pipeline.formats import pdf_document
from harness.service.pipeline.formats.undecodable import DECODE_FAILED, PDF_ENCRYPTED, Undecodable

ALGORITHMS = ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"]
PLAIN = document(1).content


def encrypted(algorithm, password):
    writer = PdfWriter(clone_from=io.BytesIO(PLAIN))
    writer.encrypt(password, "the owner's", algorithm=algorithm)
    written = io.BytesIO()
    writer.write(written)
    return written


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_document_with_restrictions_opens(algorithm):
    """Only its owner needs the password."""
    pdf_document.check(encrypted(algorithm, password=""))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_document_that_needs_a_password_is_refused(algorithm):
    """Nobody could read the download."""
    with pytest.raises(Undecodable, match="only with a password") as refused:
        pdf_document.check(encrypted(algorithm, password="secret"))

    assert refused.value.code == PDF_ENCRYPTED


def test_a_document_for_the_holder_of_a_certificate_is_refused():
    """It opens without a password, but not for everybody."""
    trailer = b"trailer\n<< /Encrypt << /V 4 /Filter /Adobe.PubSec >>"

    with pytest.raises(Undecodable) as refused:
        pdf_document.check(io.BytesIO(PLAIN.replace(b"trailer\n<<", trailer)))

    assert refused.value.code == PDF_ENCRYPTED


def test_text_that_looks_like_a_trailer_is_ignored():
    """A comment may contain the word."""
    pdf_document.check(io.BytesIO(PLAIN.replace(b"xref\n0", b"% /Encrypt 99 0 R\nxref\n0", 1)))


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (rb"trailer\n<<", b"trailer\n<< /Encrypt 99 0 R"),
        (rb"trailer\n<<", b"trailer\n<< /Encrypt 12"),
        (rb"trailer\n<<", b"trailer\n<< /Encrypt << /Filter /Standard /V 2 /R 3 /Length 0 /U <0> >>"),
        (rb"trailer\n<<", b"trailer\n<< /X " + b"[" * 200_000),
        (rb"xref\n0 \d+", b"xref\n0 1000000000"),
    ],
)
def test_a_damaged_structure_is_refused(pattern, replacement):
    """It is no defect of the service."""
    with pytest.raises(Undecodable, match="damaged") as refused:
        pdf_document.check(io.BytesIO(re.sub(pattern, replacement, PLAIN, count=1)))

    assert refused.value.code == DECODE_FAILED


def test_a_table_that_points_to_itself_is_read_once():
    """Each table names the one before it."""
    at = PLAIN.index(b"xref\n0")

    pdf_document.check(io.BytesIO(PLAIN.replace(b"trailer\n<<", b"trailer\n<< /Prev %d" % at)))


def test_a_document_that_takes_long_to_read_is_refused(monkeypatch):
    """A few megabytes may hold a chain of tables which takes minutes."""
    monkeypatch.setattr(pdf_document, "MAX_READS", 50)

    with pytest.raises(Undecodable, match="too long to read"):
        pdf_document.check(io.BytesIO(PLAIN))


def test_the_end_is_not_searched_in_the_whole_document():
    """It stands in the last bytes, or the document is truncated."""
    with pytest.raises(Undecodable, match="no PDF trailer"):
        pdf_document.check(io.BytesIO(PLAIN.replace(b"%%EOF", b" " * 2000 + b"%%EOF")))


def test_a_document_without_a_table_is_read_up_to_a_size(monkeypatch):
    """Without its table the whole document is searched, in memory."""
    monkeypatch.setattr(pdf_document, "MAX_READ_BYTES", 10_000)
    broken = PLAIN.replace(b"xref\n0", b"xxxx\n0", 1)
    broken = broken.replace(b"trailer", b"%" + b" " * 20_000 + b"\ntrailer", 1)

    with pytest.raises(Undecodable, match="too long to read"):
        pdf_document.check(io.BytesIO(broken))
