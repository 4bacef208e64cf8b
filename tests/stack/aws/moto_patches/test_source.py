"""
Replacing parts of moto, and refusing to when they are not the parts we know.
"""

import types

import pytest

from harness.stack.aws.moto_patches import source
from harness.stack.aws.moto_patches.source import MotoChanged, digest, expect, replace


class Vendor:
    """Stands for a class of moto."""

    def work(self) -> str:
        return "original"

    @staticmethod
    def parse() -> str:
        return "original"

    @property
    def size(self) -> int:
        return 1


class TestReplace:
    def test_a_known_source_is_replaced(self, monkeypatch):
        """
        With the digest it was written against, a replacement takes the place, and the original comes back.
        """
        monkeypatch.setattr(Vendor, "work", Vendor.work)

        original = replace(Vendor, "work", digest(Vendor.work), lambda self: "ours")

        assert Vendor().work() == "ours"
        assert original(Vendor()) == "original"

    def test_a_changed_source_is_refused(self):
        """
        Another source than the one that was read stops the start, and says which and what it is now.
        """
        with pytest.raises(MotoChanged, match=r"Vendor\.work is [0-9a-f]{12}, but .* against 000000000000"):
            replace(Vendor, "work", "000000000000", lambda self: "ours")

        assert Vendor().work() == "original"

    def test_a_missing_part_is_refused(self):
        """
        A part that is gone is named.
        """
        with pytest.raises(MotoChanged, match=r"Vendor\.gone"):
            expect(Vendor, "gone", "000000000000")

    def test_a_static_method_stays_one(self, monkeypatch):
        """
        A static method is replaced by a static method.
        """
        monkeypatch.setattr(Vendor, "parse", staticmethod(Vendor.parse))

        replace(Vendor, "parse", digest(Vendor.parse), lambda: "ours")

        assert Vendor().parse() == "ours"

    def test_a_property_is_known_by_its_getter(self):
        """
        The digest of a property is that of the function behind it.
        """
        assert digest(Vendor.size) == digest(vars(Vendor)["size"].fget)


class TestRequireVersion:
    def test_another_moto_is_refused_with_the_remedy(self, monkeypatch):
        """
        A moto that is not the pinned one is refused before anything is replaced.
        """
        monkeypatch.setattr(source, "version", lambda _: "5.3.0")

        with pytest.raises(MotoChanged, match=r"needs moto 5\.2\.5, not 5\.3\.0: pip install"):
            source.require_version()


def test_every_part_we_replace_is_as_we_know_it():
    """
    Tampering with one method of the installed moto makes its module's installation refuse.
    """
    from moto.sqs.models import Queue

    from harness.stack.aws.moto_patches import sqs

    tampered = types.FunctionType(Vendor.work.__code__, {})
    original = vars(Queue)["attributes"]
    Queue.attributes = property(tampered)
    try:
        with pytest.raises(MotoChanged, match=r"Queue\.attributes"):
            sqs.install(1.0)
    finally:
        Queue.attributes = original
