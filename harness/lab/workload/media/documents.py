"""PDF documents, generated from a seed: the same arguments give the same bytes."""

from functools import lru_cache

from harness.lab.workload.media.media_file import MediaFile


@lru_cache(16)
def document(seed: int, size: int = 0) -> MediaFile:
    """Return a PDF of one page that shows *seed*; a comment fills it up to about *size* bytes."""
    text = f"BT /F1 24 Tf 72 720 Td (Floor plan {seed}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    ]
    body = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    # One long comment: readers skip it.
    body += b"%" + b"." * max(0, size - len(body) - 300) + b"\n"
    start, count = len(body), len(offsets) + 1
    body += b"xref\n0 %d\n0000000000 65535 f \n" % count
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    return MediaFile(bytes(body), "application/pdf", ".pdf")
