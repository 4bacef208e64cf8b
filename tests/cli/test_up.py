"""
The verb ``harness up``: options that are refused before anything starts.
"""

import pytest

from harness.cli.main import main


@pytest.mark.parametrize("option", ["--port", "--aws-port", "--s3-port"])
@pytest.mark.parametrize(("port", "limit"), [("-1", "range 0<=x<=65535"), ("65536", "range 0<=x<=65535")])
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


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--port", "8080", "--aws-port", "8080"], "--port and --aws-port are both 8080"),
        (["--aws-port", "8081", "--s3-port", "8081"], "--aws-port and --s3-port are both 8081"),
        (["--modelled", "steady", "--faults", "poison"], "--modelled and --faults exclude each other"),
    ],
)
def test_options_that_exclude_each_other_exit_with_2(words, complaint, capsys):
    """
    At once, before anything is started.
    """
    with pytest.raises(SystemExit) as left:
        main(["up", *words])

    assert left.value.code == 2
    assert complaint in capsys.readouterr().err


def test_an_option_in_the_place_of_the_scenario_is_named(capsys):
    """
    The scenario was forgotten, so that the next option was taken for it.
    """
    with pytest.raises(SystemExit) as left:
        main(["up", "--modelled", "--time-scale", "10"])

    assert left.value.code == 2
    assert "--time-scale is an option; name a scenario first" in " ".join(capsys.readouterr().err.split())
