"""
Importing the package costs next to nothing.
"""

import subprocess
import sys

PROBE = """
import sys
before = set(sys.modules)
import harness
new = {name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names
print(sorted(new), sorted(name for name in sys.modules if name.startswith("harness.")))
"""


def test_importing_harness_loads_nothing_else():
    """
    Names are loaded when they are first used: no pandas, no Locust, none of our own rooms.
    """
    told = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)

    assert told.stdout.strip() == "['harness'] []"


def test_an_unknown_name_is_an_attribute_error():
    """
    hasattr, and whoever uses it, keeps working.
    """
    import harness

    assert not hasattr(harness, "playy")
