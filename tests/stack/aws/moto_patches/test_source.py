"""
Replacements of moto's attributes, refused if their source is unknown.
"""

import types

import pytest

from harness.stack.aws.moto_patches import source
from harness.stack.aws.moto_patches.source import MotoChanged, digest, expect, replace


class Vendor:
    """A class in place of one of moto's."""

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
        With the right digest the attribute is replaced, and the original is returned.
        """
        monkeypatch.setattr(Vendor, "work", Vendor.work)

        original = replace(Vendor, "work", digest(Vendor.work), lambda self: "ours")

        assert Vendor().work() == "ours"
        assert original(Vendor()) == "original"

    def test_a_changed_source_is_refused(self):
        """
        The error names the attribute and its present digest.
        """
        with pytest.raises(MotoChanged, match=r"Vendor\.work is [0-9a-f]{12}, but .* against 000000000000"):
            replace(Vendor, "work", "000000000000", lambda self: "ours")

        assert Vendor().work() == "original"

    def test_a_missing_attribute_is_refused(self):
        """
        The error names the attribute.
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
    def test_another_version_of_moto_is_refused(self, monkeypatch):
        """
        The error says how to install the right version.
        """
        monkeypatch.setattr(source, "version", lambda _: "5.3.0")

        with pytest.raises(MotoChanged, match=r"needs moto 5\.2\.5, not 5\.3\.0: pip install"):
            source.require_version()


def test_an_installation_checks_what_it_replaces():
    """
    With one changed attribute of moto the installation of a patch is refused.
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
