"""The manifests and the Dockerfile are valid for their engines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = sorted(
    path for path in (ROOT / "integrations/kubernetes").glob("*.yaml") if path.name != "argo-workflow.yaml"
)


def containers(value):
    """Yield each container of a manifest, wherever it stands."""
    if isinstance(value, dict):
        yield from value.get("containers", ())
        yield from ([value["container"]] if "container" in value else ())
        for one in value.values():
            yield from containers(one)
    elif isinstance(value, list):
        for one in value:
            yield from containers(one)


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_kubernetes_takes_the_manifest(path):
    kubernetes_validate.validate(yaml.safe_load(path.read_text()), "1.33", strict=True)


@pytest.mark.parametrize("path", sorted(ROOT.glob("integrations/*/*.yaml")), ids=lambda path: path.name)
def test_every_container_has_an_image_with_a_version_and_no_secret(path):
    found = list(containers(yaml.safe_load(path.read_text())))
    assert found
    for one in found:
        assert re.search(r":\d+$", one["image"])
        for variable in one.get("env", ()):
            assert not re.search(r"KEY|TOKEN|SECRET|PASSWORD", variable["name"])


@pytest.mark.parametrize("path", KUBERNETES, ids=lambda path: path.name)
def test_a_wrong_configuration_is_not_tried_again(path):
    text = path.read_text()
    assert "values: [78]" in text


def test_an_array_job_of_aws_batch_says_how_many_shards_there_are():
    job = json.loads((ROOT / "integrations/aws_batch/submit-job.json").read_text())
    variables = {one["name"]: one["value"] for one in job["containerOverrides"]["environment"]}
    assert variables["TAP_REPORTS_SHARD_COUNT"] == str(job["arrayProperties"]["size"])
    assert job["retryStrategy"]["evaluateOnExit"][0] == {"onExitCode": "78", "action": "EXIT"}


def test_the_image_has_an_unprivileged_user_and_separate_environments():
    text = (ROOT / "Dockerfile").read_text()
    last = text.rpartition("FROM ")[2]
    assert "USER 10001" in last
    assert {"/opt/tap", "/opt/target"} <= set(re.findall(r"/opt/\w+", last))
    assert "apt-get" not in last
    assert "pipefail" in last
