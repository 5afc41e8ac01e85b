"""Settings of the wrong shape: each is a sentence in words of JSON, and hides nothing else that is wrong."""

from __future__ import annotations

import pytest
from test_config import DT, IMPACT, errors_in

from tap_reports.exceptions import ConfigError
from tap_reports.models import FileOptions
from tap_reports.settings.read import read
from tap_reports.settings.schema import settings_schema, walk
from tap_reports.vendors import all_vendors

SIMILARWEB = {"api_key": "key-of-similarweb", "domains": ["x.com"]}
VALUES = ["x", "", 7, -1, 0.5, True, [], ["x"], [[]], [None], {}, {"x": {}}, 1e999, None]


def errors(**config):
    return errors_in({"start_date": "2026-01-01", **config})


def put(config, path, value):
    """Return the configuration with a value where a path of the walk leads."""
    name, *rest = path
    name, is_list = name.removesuffix("[]"), name.endswith("[]")
    if not rest:
        return {**config, name: value}
    inner = config.get(name) or {}
    return {**config, name: [put({}, rest, value)] if is_list else put(inner, rest, value)}


@pytest.mark.parametrize("setting", list(walk(settings_schema())), ids=lambda setting: setting.name)
def test_any_value_of_any_setting_is_accepted_or_refused_in_words(setting):
    for value in VALUES:
        config = put({"impact": IMPACT, "similarweb": SIMILARWEB}, setting.path, value)
        try:
            read(config, version="1")
        except ConfigError as error:
            text = "\n".join(error.errors)
            assert text
            assert not any(word in text for word in ("NoneType", " dict", " str.", " int.", "array", "Unset"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"impact": "x"}, ["impact: must be an object, not text."]),
        ({"impact": []}, ["impact: must be an object, not a list."]),
        ({"impact": IMPACT, "postbacks": "x"}, ["postbacks: must be an object, not text."]),
        (
            {"impact": {**IMPACT, "reports": ["by_day"]}},
            ['impact.reports[0]: must be an object, not text: "by_day". Write {"id": "by_day"}.'],
        ),
        (
            {"similarweb": {**SIMILARWEB, "domains": "x.com"}},
            ['similarweb.domains: must be a list, not text: "x.com".'],
        ),
        (
            {"impact": IMPACT, "max_request_retries": "5"},
            ['max_request_retries: must be a whole number, not text: "5".'],
        ),
        ({"impact": IMPACT, "end_date": 20260131}, ["end_date: must be text, not a number: 20260131."]),
        ({"impact": IMPACT, "new_columns": True}, ["new_columns: must be text, not true."]),
        ({"impact": {**IMPACT, "slice_days": 0}}, ["impact.slice_days: must be at least 1, not 0."]),
        (
            {"impact": IMPACT, "user_agent": "a\nb"},
            ['user_agent: must be printable ASCII text, not "a\\nb".'],
        ),
        (
            {"impact": IMPACT, "stream_maps": {"__else__": "x"}},
            ['stream_maps.__else__: must be "__NULL__", not text: "x".'],
        ),
    ],
)
def test_one_mistake_is_one_sentence_that_shows_the_value(config, said):
    assert errors(**config) == said


@pytest.mark.parametrize("value", [["key-of-mine"], {"key": "key-of-mine"}, 4711])
def test_the_value_of_a_secret_is_not_shown_whatever_its_type(value):
    (text,) = errors(similarweb={**SIMILARWEB, "api_key": value})
    assert text.startswith("similarweb.api_key: must be text, not a")
    assert "mine" not in text
    assert "4711" not in text


def test_errors_that_only_follow_from_another_one_are_left_out():
    texts = errors(
        similarweb={"api_key": "abcd", "domians": ["x.com"], "status_path": "/no/id"},
        impact={"account_sid": "a", "auth_tokn": "abcd", "clicks": True, "account_type": "brnd"},
        end_date="soon",
        impactt={},
        job_ledgr="x",
    )
    assert [text.partition(":")[0] for text in texts] == [
        "end_date",
        "impact.account_type",
        "impact.auth_tokn",
        "similarweb.domians",
        "impactt",
        "job_ledgr",
        "similarweb.status_path",
    ]


def test_an_unknown_name_like_no_known_one_is_a_warning(caplog):
    read({"start_date": "2026-01-01", "impact": IMPACT, "comment": "x", "lookback_days": 3}, version="1")
    assert "comment: unknown setting, ignored." in caplog.text
    assert "lookback_days: unknown setting, ignored. It belongs in a vendor's block" in caplog.text


SECRETS = [
    (setting.path, setting.name)
    for setting in walk(settings_schema())
    if setting.is_secret or setting.name in ("impact.account_sid", "digital_turbine.client_id")
]
BLOCKS = {
    "impact": IMPACT,
    "similarweb": SIMILARWEB,
    "second_nature": {"api_key": "key-of-second-nature"},
    "digital_turbine": DT,
    "postbacks": {"listen": "127.0.0.1:1", "public_url": "https://x.com", "secret": "abcd"},
}


@pytest.mark.parametrize(("path", "name"), SECRETS, ids=[name for _, name in SECRETS])
def test_white_space_around_a_credential_is_removed_with_a_warning(path, name, caplog):
    block, setting = path
    config = {"impact": IMPACT, block: {**BLOCKS[block], setting: " pasted-word\r\n"}}
    result = read({"start_date": "2026-01-01", **config}, version="1")
    values = {vendor.name: vendor.values for vendor in result.vendors}
    assert (result.postbacks.secret if block == "postbacks" else values[block][setting]) == "pasted-word"
    assert f"{name}: white space around it was removed" in caplog.text
    assert "pasted" not in caplog.text


@pytest.mark.parametrize(("path", "name"), [secret for secret in SECRETS if secret[0][0] != "postbacks"])
@pytest.mark.parametrize("value", ["two\nlines", "bell\x07", "schlüssel", "zero\u200bwidth"])
def test_a_credential_that_cannot_be_sent_is_refused_without_being_shown(path, name, value):
    block, setting = path
    (text,) = errors(**{block: {**BLOCKS[block], setting: value}})
    assert text.startswith(f"{name}: must be printable ASCII text")
    assert value not in text


# --- a report's `file` block ----------------------------------------------------------------------------

REPORTS = {
    "similarweb": {"table": "traffic_and_engagement"},
    "impact": {"id": "x"},
    "digital_turbine": {"name": "x", "metrics": ["Spend"], "splits": ["Date"]},
    "second_nature": {"report_name": "x"},
}


def with_file(vendor, file):
    return {vendor: {**BLOCKS[vendor], "reports": [{**REPORTS[vendor], "file": file}]}}


@pytest.mark.parametrize("vendor", all_vendors())
def test_every_report_of_every_vendor_takes_file_options(vendor):
    config = with_file(vendor, {"footer_rows": 1, "null_words": ["N/A"]})
    (block,) = read({"start_date": "2026-01-01", **config}, version="1").vendors
    assert block.reports[0].file == FileOptions(footer_rows=1, null_words=("N/A",))


@pytest.mark.parametrize(
    ("block", "named"),
    [
        ({"encodng": "cp1252"}, 'file.encodng: unknown setting. Did you mean "encoding"?'),
        ({"encoding": "latin-99"}, 'encoding: must be an encoding such as utf-16 or cp1252, not "latin-99"'),
        ({"encoding": "hex"}, 'file.encoding: must be an encoding such as utf-16 or cp1252, not "hex"'),
        ({"delimiter": ";;"}, "file.delimiter: must be one character"),
        ({"delimiter": '"'}, "file.delimiter: must be one character"),
        ({"decimal_separator": "'"}, "file.decimal_separator: must be one of"),
        ({"header_row": 0}, "file.header_row: must be at least 1"),
        ({"footer_rows": -1}, "file.footer_rows: must be at least 0"),
        ({"date_format": " "}, "file.date_format: must name a year"),
        ({"date_format": "DD/MM [YYYY]"}, "file.date_format: must name a year"),
        ({"date_format": "%d/%m/%Y"}, "file.date_format: must name a year"),
        ({"null_words": "N/A"}, "file.null_words: must be"),
    ],
)
def test_a_wrong_file_option_is_an_error_that_names_it(block, named):
    (text,) = errors(**with_file("digital_turbine", block))
    assert named in text
