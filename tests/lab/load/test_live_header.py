"""
The header of a live run.
"""

from harness.lab.load.live_header import without_secrets


def test_the_command_is_kept_without_passwords_and_queries():
    """
    URLs may have both.
    """
    command = "harness load a.toml --host 'https://me:secret@media.example/api?key=abc' --seed 3"

    assert without_secrets(command) == "harness load a.toml --host 'https://media.example/api' --seed 3"
