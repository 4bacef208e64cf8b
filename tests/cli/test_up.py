"""
The verb ``harness up``: options that are refused before anything starts.
"""

import pytest

from harness.cli.main import main


@pytest.mark.parametrize("option", ["--port", "--aws-port", "--s3-port"])
@pytest.mark.parametrize(
    ("port", "limit"), [("-1", "greater than or equal to 0"), ("65536", "less than or equal to 65535")]
)
def test_a_port_that_does_not_exist_exits_with_2(option, port, limit, capsys):
    """
    The message names the option and the limit.
    """
    with pytest.raises(SystemExit) as ended:
        main(["up", option, port])

    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert option in err
    assert limit in err
