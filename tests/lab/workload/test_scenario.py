"""Scenario files: reading, errors, changes and the JSON Schema."""

import json
import math
import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from harness.lab.workload.scenario import Scenario, json_schema, load_scenario
from harness.lab.workload.scenario_file import ScenarioError

REPOSITORY = Path(__file__).parents[3]
FILES = sorted((REPOSITORY / "scenarios").glob("*.toml"))

SMALL = """\
question = "Does it hold?"
duration_s = 60

[[arrivals]]
stages = [{ hold_per_s = 2, for_s = 60 }]

[[flows]]
name = "photo_shoot"
photos = 3

[[objectives]]
expression = "p95(E2E:ready) <= 10 min"
"""


@pytest.fixture
def scenario_file(tmp_path):
    """Return a function that writes a scenario and returns its path."""

    def write(text):
        path = tmp_path / "x.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


LAMBDA_DELAY = "aws:lambda:invocation-add-delay"
KILL = "harness:process:kill"


def complaints(path, **options):
    with pytest.raises(ScenarioError) as refused:
        load_scenario(path, **options)
    return [str(problem).removeprefix(f"{path.parent}/") for problem in refused.value.problems]


class TestTheTenScenarios:
    def test_all_ten_exist(self):
        """
        Their names are part of the user interface.
        """
        assert [path.stem for path in FILES] == [
            "burst", "forbidden", "poison", "project_docs", "ramp", "retry_storm", "smoke", "soak", "steady",
            "video_heavy",
        ]  # fmt: skip

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_each_loads_and_opens_with_its_question(self, path):
        """
        The first comment is the question, and there is an objective.
        """
        scenario = load_scenario(path)

        assert path.read_text(encoding="utf-8").startswith(f"# {scenario.question}\n")
        assert scenario.name == path.stem
        assert scenario.objectives

    @pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
    def test_each_matches_the_published_schema(self, path):
        """
        An editor accepts them with the JSON Schema alone.
        """
        document = tomllib.loads(path.read_text(encoding="utf-8"))

        jsonschema.validate(document, json_schema())


class TestLoad:
    def test_a_small_file_is_loaded_with_defaults(self, scenario_file):
        """
        Missing keys have their defaults; objectives have their lines.
        """
        scenario = load_scenario(scenario_file(SMALL))

        assert scenario.name == "x"
        assert scenario.seed == 1
        assert scenario.flows[0].name == "photo_shoot"
        assert scenario.flows[0].photos.value == 3
        assert scenario.behaviour.poll.cap_s == 5
        assert set(scenario.model) == {"validate", "thumbnails", "transcode", "zip", "callback"}
        assert scenario.objectives[0].line == 12

    def test_an_unknown_state_can_be_modelled(self, scenario_file):
        """
        A scenario adds service models for the states of any state machine.
        """
        scenario = load_scenario(scenario_file(SMALL + "[model.WatermarkImages]\nper_file_s = 0.5\n"))

        assert scenario.model["WatermarkImages"].per_file_s.value == 0.5
        assert "zip" in scenario.model

    def test_overrides_are_values_of_dotted_keys(self, scenario_file):
        """
        Numbers, tables and text can be set, also inside arrays and for missing keys.
        """
        scenario = load_scenario(
            scenario_file(SMALL),
            {"seed": "9", "flows.0.photos": "5", "model.zip.fixed_s": "2", "media": "real"},
        )

        assert scenario.seed == 9
        assert scenario.flows[0].photos.value == 5
        assert scenario.model["zip"].fixed_s.value == 2
        assert scenario.media == "real"

    def test_a_trace_is_read_from_its_file(self, scenario_file, tmp_path):
        """
        The loaded scenario contains the rates; the file is not needed again.
        """
        (tmp_path / "day.csv").write_text("at_s,rate_per_s\n0,1\n30,2.5\n", encoding="utf-8")
        text = SMALL.replace("hold_per_s = 2", 'trace_csv = "day.csv"')

        stage = load_scenario(scenario_file(text)).arrivals[0].stages[0]

        assert stage.trace_per_s == ((0, 1), (30, 2.5))
        assert stage.trace_csv is None

    def test_observed_sizes_are_read_from_their_file(self, scenario_file, tmp_path):
        """
        An empirical distribution may name a CSV file.
        """
        (tmp_path / "sizes.csv").write_text("value\n10\n30\n", encoding="utf-8")
        text = SMALL.replace("photos = 3", 'photos = { distribution = "empirical", csv = "sizes.csv" }')

        assert load_scenario(scenario_file(text)).flows[0].photos.values == (10, 30)


class TestRefusals:
    def test_every_problem_is_reported_with_its_line(self, scenario_file):
        """
        One validation finds all problems and their lines.
        """
        path = scenario_file(
            """\
question = "Does it hold?"
duration_s = 10
colour = 1

[[arrivals]]
stages = [
  { hold_per_s = 1, for_s = 2 },
  { hold_per_s = -1, for_s = 2 },
  { hld_per_s = 1, for_s = 2 },
]

[[flows]]
name = "photo_shoot"
weight = 0
photos = { distribution = "uniform", low = 3, high = 1 }
videos = { distribution = "binom" }

[model.zip]
fixed_s = { distribution = "lognormal", sigma = 1 }

[[faults]]
action = "harness:media:corrupt-file"
rate = 2
"""
        )

        kinds = "hold_per_s, ramp_per_s, steps_per_s, spike_per_s, sine_per_s, trace_per_s, trace_csv"
        known = (
            "'constant', 'uniform', 'triangular', 'exponential', 'lognormal', 'gamma', 'negative_binomial', "
            "'poisson', 'binomial', 'empirical'"
        )
        assert complaints(path) == [
            "x.toml:3: colour is not a known key",
            "x.toml:8: arrivals[0].stages[1].hold_per_s must be greater than or equal to 0",
            f"x.toml:9: arrivals[0].stages[2] must have exactly one of {kinds}",
            "x.toml:14: flows[0].weight must be greater than 0",
            "x.toml:15: flows[0].photos low must not exceed high",
            f"x.toml:16: flows[0].videos has the unknown distribution 'binom'; known are {known}",
            "x.toml:19: model.zip.fixed_s.median is missing",
            "x.toml:23: faults[0].rate must be less than or equal to 1",
        ]

    def test_broken_toml_names_the_line(self, scenario_file):
        """
        The line of a syntax error is the parser's.
        """
        (complaint,) = complaints(scenario_file('question = "x"\nduration_s = = 3\n'))

        assert complaint.startswith("x.toml:2: is not TOML: Invalid value")

    def test_a_missing_file_is_named(self, tmp_path):
        """
        The message names the file and the scenarios that there are.
        """
        (complaint,) = complaints(tmp_path / "no.toml")

        assert complaint.startswith(
            "no.toml: cannot be read: there is no such file; the scenarios are burst, "
        )

    @pytest.mark.parametrize("text", ["at_s,rate_per_s\n0\n", "at_s,rate_per_s\n0," + "9" * 200_000])
    def test_a_damaged_csv_file_is_reported_with_its_line(self, scenario_file, tmp_path, text):
        """
        A row without its second number, and a number that is too long.
        """
        (tmp_path / "day.csv").write_text(text, encoding="utf-8")
        (complaint,) = complaints(scenario_file(SMALL.replace("hold_per_s = 2", 'trace_csv = "day.csv"')))

        assert re.search(r"x\.toml:\d+: ", complaint)

    def test_a_missing_csv_file_is_reported_with_its_line(self, scenario_file):
        """
        The line is the one that names the CSV file.
        """
        (complaint,) = complaints(scenario_file(SMALL.replace("hold_per_s = 2", 'trace_csv = "no.csv"')))

        assert complaint.startswith("x.toml:5: ")
        assert "no.csv" in complaint

    @pytest.mark.parametrize(
        ("old", "new", "complaint"),
        [
            (
                "[[arrivals]]",
                "users = 3\n[[arrivals]]",
                "x.toml: a scenario must have exactly one of [[arrivals]] and users",
            ),
            (
                "duration_s = 60",
                "duration_s = 60\nwarm_up_s = 60",
                "x.toml: warm_up_s 60 must be less than duration_s 60",
            ),
            (
                "duration_s = 60",
                'duration_s = 60\nmedia = "real"\ntime_scale = 2',
                'x.toml: media = "real" needs time_scale = 1',
            ),
            ("[[flows]]", "[[faults]]\nkind = ['a']\n[[flows]]", "x.toml:7: faults[0] has no action"),
            ("duration_s = 60", 'duration_s = "long"', "x.toml:2: duration_s must be a valid number"),
            ("photos = 3", "photos = true", "x.toml:9: flows[0].photos must be a number or a table that"),
            (
                "photos = 3",
                "photos = { low = 1 }",
                "x.toml:9: flows[0].photos has no distribution; known are",
            ),
            ("photos = 3", "photos = -3", "x.toml:9: flows[0].photos must not fall below 0"),
            ("photos = 3", "photos = 100_000", "x.toml:9: flows[0].photos must not begin above 60"),
            ("photos = 3", "photo_bytes = 1e10", "x.toml:9: flows[0].photo_bytes must not begin above 2684"),
            ("photos = 3", "weight = inf", "x.toml:9: flows[0].weight must be a finite number"),
            (
                "duration_s = 60",
                f"duration_s = 60\nmax_in_flight = {10**20}",
                "x.toml:3: max_in_flight must be less than or equal to 1000000000",
            ),
            ("duration_s = 60", "duration_s = 1e18", "x.toml:2: duration_s must be less than or equal to 3"),
            (
                "[[flows]]",
                "[behaviour.poll]\nfirst_s = 1e-9\n[[flows]]",
                "x.toml:8: behaviour.poll.first_s must be greater than or equal to 0.001",
            ),
            (
                "[[flows]]",
                "[behaviour]\nthink_time_s = -1\n[[flows]]",
                "x.toml:8: behaviour.think_time_s must not fall below 0",
            ),
            (
                "[[flows]]",
                f'[[faults]]\naction = "{LAMBDA_DELAY}"\nfunction = "zip"\ndelay = -3\n[[flows]]',
                "x.toml:10: faults[0].delay must not fall below 0",
            ),
        ],
        ids=[
            "closed and open",
            "all warm-up",
            "accelerated real media",
            "a list for the kind of a fault",
            "text for a number",
            "a boolean for a number",
            "no distribution",
            "negative number of files",
            "more than a batch takes",
            "more than a file takes",
            "infinite weight",
            "more in flight than a table has room for",
            "too long",
            "polling without a pause",
            "negative think time",
            "negative delay",
        ],
    )
    def test_contradictions_are_refused(self, scenario_file, old, new, complaint):
        """
        A scenario that cannot be played is refused.
        """
        (problem,) = complaints(scenario_file(SMALL.replace(old, new)))

        assert problem.startswith(complaint)

    @pytest.mark.parametrize(
        ("old", "new", "key"),
        [
            ("duration_s = 60", "duration_s = true", "duration_s"),
            ("duration_s = 60", 'duration_s = "10"', "duration_s"),
            ("duration_s = 60", "duration_s = 60\nseed = true", "seed"),
            ("photos = 3", 'photos = 3\nweight = "2"', "flows[0].weight"),
            ("photos = 3", 'photos = { distribution = "poisson", mean = "3" }', "flows[0].photos.mean"),
            ("hold_per_s = 2", "steps_per_s = [1, true]", "arrivals[0].stages[0].steps_per_s[1]"),
            ("[[flows]]", "[behaviour.retry]\non = ['503']\n[[flows]]", "behaviour.retry.on[0]"),
            (
                "[[flows]]",
                f"[[faults]]\naction = '{KILL}'\ntarget = 'api'\nat = true\n[[flows]]",
                "faults[0].at",
            ),
        ],
    )
    def test_booleans_and_texts_are_no_numbers(self, scenario_file, old, new, key):
        """
        Not even those that look like one, for which pydantic takes them.
        """
        (problem,) = complaints(scenario_file(SMALL.replace(old, new)))

        assert problem.endswith(f": {key} must be a valid number")

    def test_whole_numbers_may_be_written_with_a_point(self, scenario_file):
        """
        And the other way round.
        """
        text = SMALL.replace("duration_s = 60", "duration_s = 60\nseed = 2.0\nmax_in_flight = 1e3")
        scenario = load_scenario(scenario_file(text))

        assert (scenario.seed, scenario.max_in_flight, scenario.duration_s) == (2, 1000, 60.0)

    def test_an_override_of_a_missing_element_is_refused(self, scenario_file):
        """
        The second flow of a single one cannot be changed.
        """
        assert complaints(scenario_file(SMALL), overrides={"flows.1.weight": "2"}) == [
            "x.toml: there is no flows.1.weight to set to 2"
        ]


class TestHash:
    def test_an_objective_that_does_not_abort_leaves_the_hash_as_it_was(self):
        """
        Runs of the same scenario stay comparable; one that may end early is another scenario.
        """
        document = {
            "question": "?",
            "duration_s": 60,
            "users": 1,
            "flows": [{"name": "viewer"}],
            "objectives": [{"expression": "max(GET zip) <= 1 s"}],
        }
        hashes = [
            Scenario.model_validate(
                document | {"objectives": [document["objectives"][0] | {"abort": abort}]}
            ).hash
            for abort in (False, True)
        ]

        assert Scenario.model_validate(document).hash == hashes[0]
        assert hashes[0] == "87f4554c186023b3ee3578fa67eac2e8517010b5cc6c854d2833d441a33effed"
        assert hashes[1] != hashes[0]

    def test_the_hash_depends_on_what_is_played(self, scenario_file):
        """
        A comment, a blank line or another name does not change it; another seed does.
        """
        scenario = load_scenario(scenario_file(SMALL))
        moved = load_scenario(scenario_file("# A comment.\n\n" + SMALL), {"name": '"y"'})

        assert moved.hash == scenario.hash
        assert scenario.seeded(2).hash != scenario.hash

    def test_json_gives_the_same_scenario(self, scenario_file):
        """
        The JSON of a run folder gives the same scenario with the same hash.
        """
        scenario = load_scenario(scenario_file(SMALL))
        restored = Scenario.model_validate_json(json.dumps(scenario.model_dump(mode="json")))

        assert restored == scenario
        assert restored.hash == scenario.hash


class TestChanges:
    def test_another_duration_keeps_the_shape(self):
        """
        In a burst of 90 s instead of 900 s, stages have a tenth of their length and the same rates.
        """
        short = load_scenario(REPOSITORY / "scenarios/burst.toml").lasting(90)

        assert [stage.for_s for stage in short.arrivals[0].stages] == [30, 12, 48]
        assert short.arrivals[0].stages[1].spike_per_s == 0.8
        assert short.duration_s == 90

    def test_another_rate_is_the_mean_rate(self):
        """
        A ramp scaled to 2/s expects 2/s times its duration.
        """
        scenario = load_scenario(REPOSITORY / "scenarios/ramp.toml").at_rate(2)

        assert scenario.arrivals[0].rate(900).total == pytest.approx(1800)

    @pytest.mark.parametrize(
        ("change", "complaint"),
        [
            (lambda it: it.lasting(-1), "duration_s must be greater than 0, not -1"),
            (lambda it: it.lasting(math.inf), "duration_s must be a finite number, not inf"),
            (lambda it: it.lasting(math.nan), "duration_s must be a finite number, not nan"),
            (lambda it: it.seeded(-1), "seed must be greater than or equal to 0, not -1"),
            (lambda it: it.seeded(2**64), f"seed must be less than {2**63}, not {2**64}"),
            (lambda it: it.closed(0), "users must be greater than 0, not 0"),
            (lambda it: it.closed(10**21), f"users must be less than or equal to 1000000, not {10**21}"),
        ],
    )
    def test_a_changed_scenario_is_checked_again(self, change, complaint):
        """
        A change is validated like a file; the message is one sentence.
        """
        with pytest.raises(ValueError) as refused:
            change(load_scenario(REPOSITORY / "scenarios/ramp.toml"))

        assert str(refused.value) == complaint

    @pytest.mark.parametrize("rate", [1e12, 1e308])
    def test_too_many_arrivals_are_refused(self, rate):
        """
        Their times would not fit into memory.
        """
        with pytest.raises(ValueError, match="more than 100,000,000 arrivals cannot be played"):
            load_scenario(REPOSITORY / "scenarios/ramp.toml").at_rate(rate)

    @pytest.mark.parametrize("rate", [-1, math.inf, math.nan])
    def test_a_rate_is_finite(self, rate):
        """
        A negative or infinite rate is refused.
        """
        with pytest.raises(ValueError, match="the arrival rate must be a finite number, at least 0"):
            load_scenario(REPOSITORY / "scenarios/ramp.toml").at_rate(rate)


class TestSteadyLoad:
    @pytest.mark.parametrize(
        ("change", "is_steady"),
        [
            ({}, True),
            ({"duration_s": 100}, False),
            ({"duration_s": 30}, True),
            ({"arrivals": [], "users": 3}, True),
            ({"arrivals": [{"process": "recorded", "times_s": [1.0]}]}, False),
            ({"arrivals": [{"stages": [{"ramp_per_s": [1, 2], "for_s": 60}]}]}, False),
        ],
        ids=["held", "held too short", "cut off", "users", "recorded", "ramp"],
    )
    def test_a_load_is_steady_if_it_does_not_change_until_the_end(self, change, is_steady):
        """
        Arrivals that stop before the end are no steady state.
        """
        scenario = Scenario.model_validate(tomllib.loads(SMALL) | change)

        assert scenario.is_steady == is_steady

    @pytest.mark.parametrize("duration", [0.1, 7, 33.3, 1e6 / 7])
    def test_a_stretched_load_stays_steady(self, duration):
        """
        Whatever its length is rounded to.
        """
        assert Scenario.model_validate(tomllib.loads(SMALL)).lasting(duration).is_steady

    def test_a_recorded_arrival_just_before_the_end(self):
        """
        It belongs to the last interval, although its quotient rounds up to the number of intervals.
        """
        recorded = {"process": "recorded", "times_s": [math.nextafter(29, 0)]}
        document = tomllib.loads(SMALL) | {"duration_s": 29, "arrivals": [recorded]}

        assert Scenario.model_validate(document).arrival_rate == pytest.approx(1 / 29)


class TestNames:
    @pytest.mark.parametrize("name", ["../evil", "a/b", "a\0b", "\ud800", "x" * 201, "é" * 101])
    def test_a_name_that_cannot_name_a_folder(self, name):
        """
        Run folders are named after the scenario.
        """
        with pytest.raises(ValueError, match="run folders are named after it"):
            Scenario.model_validate(
                {"name": name, "question": "?", "duration_s": 1, "users": 1, "flows": [{"name": "viewer"}]}
            )


class TestJson:
    def test_a_scenario_is_read_from_json(self, tmp_path):
        """
        Programs write JSON; overrides work there too.
        """
        path = tmp_path / "ramp.json"
        scenario = load_scenario(REPOSITORY / "scenarios/ramp.toml")
        path.write_text(scenario.model_dump_json(), encoding="utf-8")

        assert load_scenario(path) == scenario
        assert load_scenario(path, {"flows.0.weight": "7"}).flows[0].weight == 7

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("{", "x.json:1: is not JSON"),
            ("[]", "x.json: is not a JSON object"),
            ('{"question": "?"}', "x.json: duration_s is missing"),
            ('{"duration_s": %s}' % ("9" * 5000), "x.json: cannot be read: Exceeds the limit"),
            ("[" * 100_000, "x.json: cannot be read: maximum recursion depth"),
        ],
    )
    def test_errors_are_reported(self, tmp_path, text, complaint):
        """
        The messages are those of a TOML file.
        """
        path = tmp_path / "x.json"
        path.write_text(text, encoding="utf-8")

        with pytest.raises(ScenarioError) as refusal:
            load_scenario(path)

        assert complaint in str(refusal.value)


class TestSchema:
    def test_every_default_is_stated(self):
        """
        The schema contains the default of every optional key.
        """
        schema = json_schema()
        sections = {name: section for name, section in schema["$defs"].items() if "properties" in section}

        silent = [
            f"{name}.{key}"
            for name, section in {**sections, "Scenario": schema}.items()
            for key, field in section["properties"].items()
            if key not in section.get("required", ()) and "default" not in field and "const" not in field
        ]

        assert silent == []

    def test_the_published_schema_is_the_current_one(self):
        """
        After a change, write it with ``scenario.write_json_schema("docs/scenario.schema.json")``.
        """
        published = json.loads((REPOSITORY / "docs/scenario.schema.json").read_text(encoding="utf-8"))

        assert published == json_schema()
