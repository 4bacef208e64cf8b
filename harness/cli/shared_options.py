"""The options that several verbs have in common."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from harness.cli.quantities import duration

StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        help="Name, folder or state file of a running stack of another working folder.",
        metavar="NAME|PATH",
    ),
]
DaskOption = Annotated[
    str | None,
    typer.Option("--dask", help="Compute on the workers of this Dask scheduler.", metavar="tcp://HOST:PORT"),
]
ProcessesOption = Annotated[
    int | None, typer.Option("--processes", help="Replications that run in parallel.", min=1)
]
DurationOption = Annotated[
    float | None,
    typer.Option(
        "--duration", help="Model time during which batches arrive.", parser=duration, metavar="DURATION"
    ),
]
WarmUpOption = Annotated[
    float | None,
    typer.Option(
        "--warm-up",
        help="Arrivals before this are not counted.  [default: the scenario's]",
        parser=duration,
        metavar="DURATION",
    ),
]
SeedOption = Annotated[int | None, typer.Option("--seed", help="Replaces the seed of the scenario.")]
CalibrationOption = Annotated[
    Path | None,
    typer.Option(
        "--calibration", help="Service times and platform parameters from a measurement.", metavar="FILE"
    ),
]
StateMachineOption = Annotated[
    Path | None,
    typer.Option(
        "--state-machine", help="Simulate this state machine (ASL) instead of ours.", metavar="FILE"
    ),
]
EngineOption = Annotated[
    Literal["auto", "simpy", "compiled"],
    typer.Option(
        "--engine", help="auto: the compiled engine where it is exact, else SimPy; both give the same rows."
    ),
]
PlatformOption = Annotated[
    Literal["aws", "local", "bare", "simfaas"] | None,
    typer.Option(
        "--platform",
        help="AWS, the stack on one machine, one that takes no time, for queueing studies, or SimFaaS's.  "
        "[default: the scenario's, else aws]",
    ),
]
