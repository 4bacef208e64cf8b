"""
What `docs/deploy` hands to Docker Compose and Kubernetes, held against their schemas, without either.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import typer
import yaml

from harness.cli.load import LOOPBACK, load, usage_problem
from harness.lab.workload.scenario import load_scenario

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
SCHEMA = json.loads(Path(__file__).with_name("locusttest.schema.json").read_text(encoding="utf-8"))

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
KUBERNETES = list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text(encoding="utf-8")))
LOCUST_TEST = yaml.safe_load((DEPLOY / "locusttest.yaml").read_text(encoding="utf-8"))

LOAD = typer.Typer()
LOAD.command()(load)
COMMAND = typer.main.get_command(LOAD)


def job(component: str) -> dict[str, Any]:
    named = {document["metadata"]["name"]: document for document in KUBERNETES if document["kind"] == "Job"}
    return named[f"media-load-{component}"]["spec"]


def container(component: str) -> dict[str, Any]:
    return job(component)["template"]["spec"]["containers"][0]


ARGUMENTS = {
    "compose master": COMPOSE["services"]["master"]["command"],
    "compose worker": COMPOSE["services"]["worker"]["command"],
    "kubernetes master": container("master")["args"],
    "kubernetes worker": container("worker")["args"],
    "operator master": ["--master", *shlex.split(LOCUST_TEST["spec"]["args"])],
    "operator worker": ["--worker", "--master-host", "svc", *shlex.split(LOCUST_TEST["spec"]["args"])],
}


def value(arguments: list[str], flag: str) -> str:
    return arguments[arguments.index(flag) + 1]


class TestSchemas:
    def test_compose_is_what_the_compose_specification_allows(self):
        """
        Checked offline against the schema that check-jsonschema brings along.
        """
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]

        told = subprocess.run(
            [*command, DEPLOY / "compose.yaml"], capture_output=True, text=True, check=False
        )

        assert told.returncode == 0, told.stdout + told.stderr

    @pytest.mark.parametrize("document", KUBERNETES, ids=lambda document: document["kind"])
    def test_manifests_are_what_kubernetes_allows(self, document):
        """
        Strictly: a field it does not know is an error.
        """
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)

    def test_a_locust_test_has_the_fields_the_operator_documents(self):
        """
        And no others: the operator would drop them without a word.
        """
        jsonschema.validate(LOCUST_TEST, SCHEMA)
        misspelt = {**LOCUST_TEST, "spec": {**LOCUST_TEST["spec"], "workerReplicas": 2}}

        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(misspelt, SCHEMA)


class TestSense:
    @pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
    def test_every_flag_is_one_of_harness_load(self, arguments):
        """
        A flag that is renamed is found here, not in the cluster.
        """
        known = {option for each in COMMAND.params for option in each.opts}
        flags = [word for word in arguments if word.startswith("--")]

        assert flags
        assert set(flags) <= known

    @pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
    def test_every_combination_of_flags_is_one_of_harness_load(self, arguments):
        """
        Locust's operator gives its workers the flags of the master, too.
        """
        options = COMMAND.make_context("load", list(arguments)).params

        problem = usage_problem(
            options["scenario"],
            ui=options["ui"],
            master=options["master"],
            listens=(options["bind"], options["expect_workers"]) != (LOOPBACK, 1),
            worker=options["worker"],
            master_host=options["master_host"],
            is_changed=False,
        )

        assert problem is None

    def test_a_master_expects_as_many_workers_as_are_started(self):
        """
        One more would be waited for in vain; one less would be left out.
        """
        expected = {
            name: int(value(words, "--expect-workers"))
            for name, words in ARGUMENTS.items()
            if "--master" in words
        }

        assert expected == {
            "compose master": COMPOSE["services"]["worker"]["deploy"]["replicas"],
            "kubernetes master": job("worker")["parallelism"],
            "operator master": LOCUST_TEST["spec"]["workers"],
        }
        assert job("worker")["completions"] == job("worker")["parallelism"]

    def test_what_is_stopped_has_the_time_to_drain_and_to_judge(self):
        """
        A container that is killed leaves no verdict: the grace is longer than the scenario's drain.
        """
        scenario = load_scenario(ROOT / "scenarios" / Path(ARGUMENTS["compose master"][0]).name)
        graces = [
            int(service["stop_grace_period"].removesuffix("s")) for service in COMPOSE["services"].values()
        ]
        graces += [
            job(name)["template"]["spec"]["terminationGracePeriodSeconds"] for name in ("master", "worker")
        ]

        assert min(graces) >= scenario.drain_s / scenario.time_scale + 30

    def test_a_verdict_is_never_asked_for_twice(self):
        """
        The exit code of the one pod is the run's.
        """
        for component in ("master", "worker"):
            assert job(component)["backoffLimit"] == 0
            assert job(component)["template"]["spec"]["restartPolicy"] == "Never"

    def test_workers_find_the_master_by_the_name_of_its_service(self):
        """
        The service selects the master's pods and offers its port.
        """
        service = next(document for document in KUBERNETES if document["kind"] == "Service")
        labels = job("master")["template"]["metadata"]["labels"]

        assert value(ARGUMENTS["kubernetes worker"], "--master-host") == service["metadata"]["name"]
        assert service["spec"]["selector"].items() <= labels.items()
        assert service["spec"]["ports"][0]["port"] == container("master")["ports"][0]["containerPort"]
