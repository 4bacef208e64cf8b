"""
The code that a deployment uploads is built from the sources.
"""

import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bundle() -> ModuleType:
    """The script behind `make bundle`."""
    spec = importlib.util.spec_from_file_location("bundle", ROOT / ".ci" / "bundle.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_handler_of_the_template_is_in_the_bundle(bundle):
    """
    The template names handlers by module; each module is among the bundle's sources.
    """
    template = (ROOT / "harness/blueprint/template.yaml").read_text()

    for handler in bundle.HANDLERS:
        assert f"Handler: harness.service.pipeline.{handler}.handler" in template
        assert (ROOT / f"harness/service/pipeline/{handler}.py").exists()
    assert template.count("Handler: ") == len(bundle.HANDLERS)
    assert template.count(f"Runtime: python{bundle.PYTHON_VERSION}") == len(bundle.HANDLERS)


def test_the_same_files_give_the_same_bytes(bundle, tmp_path):
    """
    Neither dates nor modes of the files get into the zip.
    """
    zips = []
    for number, mode in enumerate((0o600, 0o755)):
        content = tmp_path / str(number)
        content.mkdir()
        (content / "a.py").write_text("a = 1\n")
        (content / "a.py").chmod(mode)
        zips.append(tmp_path / f"{number}.zip")
        bundle.write_zip(zips[-1], content, [content / "a.py"])

    assert zips[0].read_bytes() == zips[1].read_bytes()
    with zipfile.ZipFile(zips[0]) as archive:
        assert archive.read("a.py") == b"a = 1\n"


def test_what_an_installer_notes_is_left_out(bundle):
    """
    Files that differ from machine to machine are not part of the bundle.
    """
    assert bundle.is_needed(Path("av/codec.py"))
    assert not bundle.is_needed(Path("av-14.dist-info/RECORD"))
    assert not bundle.is_needed(Path("av/__pycache__/codec.pyc"))


def test_the_template_is_deployed_through_a_bucket():
    """
    CloudFormation takes 51,200 bytes directly; the AWS CLI refuses a larger template without a bucket.
    """
    size = (ROOT / "harness/blueprint/template.yaml").stat().st_size
    guide = (ROOT / "docs/how_to/deploy_to_aws.md").read_text()

    assert size <= 51_200 or "--s3-bucket ARTIFACTS" in guide
