"""The command line: wrong files, closed outputs, completion, and the exit status of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tap_reports.exceptions import ConfigError
from tap_reports.settings.inputs import read_catalog, read_object

CONFIG = {"start_date": "2026-01-01", "impact": {"account_sid": "x", "auth_token": "y"}}
CATALOG = {
    "streams": [{"tap_stream_id": "users", "stream": "users", "schema": {"type": "object"}, "metadata": []}]
}
STATE = {"bookmarks": {}}
BLOCK = {**CONFIG["impact"], "account_type": "partner", "reports": [{"id": "a"}]}


def written(folder, content):
    path = folder / "given.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return str(path)


@pytest.mark.parametrize(
    ("what", "content", "said"),
    [
        ("config", CATALOG, "is a catalog, not a config; pass it with --catalog"),
        ("config", STATE, "is a state, not a config; pass it with --state"),
        ("state", CONFIG, "is a config, not a state; pass it with --config"),
        ("state", CATALOG, "is a catalog, not a state"),
        ("catalog", CONFIG, "is a config, not a catalog"),
        ("catalog", STATE, "is a state, not a catalog"),
        ("state", {"type": "STATE", "value": STATE}, 'pass only its "value"'),
        ("state", b'{"bookmarks": {}}\n{"bookmarks": {}}\n', "pass only the last line"),
        ("config", [CONFIG], "must hold a JSON object, not a list"),
        ("config", b"start_date: 2026-01-01", "is not JSON"),
        ("config", b"\xff\xfe\x00\x80", "is not JSON"),
        ("config", b"", "is not JSON"),
        ("config", b'{"impact":' * 300 + b"1" + b"}" * 300, "is nested more than 100 deep"),
        ("state", b'{"bookmarks":' * 300 + b"1" + b"}" * 300, "is nested more than 100 deep"),
    ],
)
def test_a_wrong_file_is_an_error_that_says_what_it_is(tmp_path, what, content, said):
    with pytest.raises(ConfigError, match="--" + what) as caught:
        read_object(written(tmp_path, content), what)
    assert said in str(caught.value)


@pytest.mark.parametrize("content", [CONFIG, STATE, CATALOG, {}])
def test_a_right_file_is_read(tmp_path, content):
    what = {"bookmarks": "state", "streams": "catalog"}.get(next(iter(content), ""), "config")
    assert read_object(written(tmp_path, content), what) == content


def test_a_missing_file_or_a_folder_is_named(tmp_path):
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(ConfigError, match="can't be read") as caught:
            read_object(str(path), "state")
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [{"streams": {}}, {"streams": [{"stream": "a"}]}, {"streams": ["a"]}, {}])
def test_a_catalog_needs_streams_with_schemas(tmp_path, content):
    with pytest.raises(ConfigError, match="not a Singer catalog"):
        read_catalog(written(tmp_path, content))


def test_a_catalog_of_another_tap_is_warned_of_and_refused(program):
    done = program.run({**CONFIG, "impact": {**BLOCK, "api_url": "http://127.0.0.1:9"}}, catalog=CATALOG)
    assert done.status == 78
    assert done.stdout == ""
    assert "users: in the catalog, but not configured; skipped" in done.stderr
    assert "none of its streams (users) is configured here" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--plan", "--format", "html"], "--format html goes with --jobs"),
        (["--jobs", "--format", "markdown"], "--format markdown goes with --about"),
        (["--jobs", "--plan"], "--plan and --jobs are two commands; give one of them"),
        (["--plan", "--stream", "impact_*"], "--stream goes with --jobs, not with --plan"),
        (["--failed"], "--failed goes with --jobs, not with a sync"),
        (["--jobs", "--summary", "f.json"], "--summary goes with a sync, not with --jobs"),
        (["--jobs", "--limit", "0"], "Invalid value for '--limit'"),
        (
            ["--jobs", "--since", "yesterday"],
            'must be a day such as 2026-01-31 or an RFC 3339 time, not "yest',
        ),
        (["--nope"], "No such option"),
    ],
)
def test_options_that_do_not_go_together_are_a_usage_error(program, options, said):
    done = program.run(None, *options)
    assert done.status == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_without_configuration_the_error_names_the_missing_settings(program):
    done = program.run(None)
    assert done.status == 78
    assert "No vendor is configured" in done.stderr


def in_shell(shell, stdout=subprocess.PIPE):
    """Run the command in an interpreter of its own, with the shell's redirections."""
    return subprocess.run(
        ["/bin/sh", "-c", f'"{sys.executable}" -m tap_reports {shell}'],
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("shell", "status", "said"),
    [
        ("--version >&-", 1, "standard output is closed"),
        ("--about >&-", 1, "standard output is closed"),
        ("--about >/dev/full", 1, "can't write: No space left on device"),
        ("--version 2>&-", 0, ""),
    ],
)
def test_a_closed_or_full_output_is_an_error_in_words(shell, status, said):
    done = in_shell(shell)
    assert (done.returncode, said in done.stderr) == (status, True)
    assert "Traceback" not in done.stderr
    assert done.stdout.startswith("tap-reports v") is (status == 0)


def test_a_closed_pipe_is_an_error_in_words():
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = in_shell("--about", stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert "standard output was closed by its reader" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_its_completion(program, shell):
    done = program.run(None, _TAP_REPORTS_COMPLETE=f"{shell}_source")
    if shell == "bash" and "bash" not in done.stdout.lower():
        pytest.skip("no bash to ask for its version")
    assert done.status == 0
    assert "_tap_reports_completion" in done.stdout


def test_completion_knows_options_values_and_files(program):
    def completed(words, position):
        asked = {"COMP_WORDS": words, "COMP_CWORD": str(position)}
        return program.run(None, _TAP_REPORTS_COMPLETE="bash_complete", **asked).stdout.split()

    assert "plain,--plan" in completed("tap-reports --p", 1)
    assert completed("tap-reports --format j", 2) == ["plain,json"]
    assert completed("tap-reports --config x", 2) == ["file,x"]


def test_a_valid_configuration_is_reported_as_valid(program):
    done = program.run({**CONFIG, "impact": BLOCK}, "--check-config")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == "The configuration is valid: impact (1 report). Nothing was sent.\n"


def test_errors_of_settings_variables_catalog_and_state_are_listed_together(program):
    done = program.run(
        {"impactt": {}, "impact": {**BLOCK, "slice_days": "x"}},
        "--config=ENV",
        "--check-config",
        catalog=[],
        state={"bookmarks": {"impact_a": 1}},
        TAP_REPORTS_IMPACT_LOOKBACK_DAYS="many",
        TAP_REPORTS_NEW_COLUMN="add",
    )
    assert done.status == 78
    for part in (
        "TAP_REPORTS_IMPACT_LOOKBACK_DAYS: must be a whole number",
        'TAP_REPORTS_NEW_COLUMN: unknown variable. Did you mean "TAP_REPORTS_NEW_COLUMNS"?',
        "--catalog",
        "state: bookmarks.impact_a must be an object",
        "impactt: unknown setting",
        "impact.slice_days: must be a whole number",
        "start_date: required setting is missing",
    ):
        assert part in done.stderr, done.stderr


@pytest.mark.parametrize(
    ("maps", "said"),
    [
        ({"impact_a": {"id": None}}, "Removing key property 'id' is not permitted"),
        ({"impact_a": {"x": "1 +"}}, "stream_maps: "),
        ({"__other__": None}, "stream_maps"),
    ],
)
def test_stream_maps_that_can_t_be_used_are_a_configuration_error(program, maps, said):
    schema = {"type": "object", "properties": {"id": {"type": ["string", "null"]}}}
    entry = {"tap_stream_id": "impact_a", "stream": "impact_a", "key_properties": ["id"], "schema": schema}
    selected = [{"breadcrumb": [], "metadata": {"selected": True}}]
    catalog = {"streams": [{**entry, "metadata": selected}]}
    done = program.run({**CONFIG, "impact": BLOCK, "stream_maps": maps}, "--check-config", catalog=catalog)
    assert done.status == 78
    assert said in done.stderr
    assert "defect" not in done.stderr


def test_help_has_a_short_option_examples_and_where_to_read_on(program):
    short, long = program.run(None, "-h"), program.run(None, "--help")
    assert short.stdout == long.stdout
    assert "tap-reports --config config.json --check-config" in long.stdout
    assert "https://" in long.stdout


def test_about_can_show_one_vendor_s_settings(program):
    done = program.run(None, "--about", "impact")
    assert "impact.auth_token" in done.stdout
    assert "impact.reports[].file.encoding" in done.stdout
    assert "similarweb.api_key" not in done.stdout
    assert program.run(None, "--about", "impct").status == 2
