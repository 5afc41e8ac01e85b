"""A report's `file` block: what cannot be known from its files."""

import pytest
from test_config import DT, IMPACT

from tap_reports.exceptions import ConfigError
from tap_reports.models import FileOptions
from tap_reports.settings.read import read
from tap_reports.vendors import all_vendors

BLOCKS = {
    "similarweb": ({"api_key": "word-word", "domains": ["x.com"]}, {"table": "traffic_and_engagement"}),
    "impact": (IMPACT, {"id": "x"}),
    "digital_turbine": (DT, {"name": "x", "metrics": ["Spend"], "splits": ["Date"]}),
    "second_nature": ({"api_key": "word-word"}, {"report_name": "x"}),
}


def options(vendor, block):
    account, report = BLOCKS[vendor]
    config = {"start_date": "2026-01-01", vendor: {**account, "reports": [{**report, "file": block}]}}
    return read(config, version="1").vendors[0].reports[0].file


@pytest.mark.parametrize("vendor", all_vendors())
def test_every_report_of_every_vendor_takes_it(vendor):
    assert options(vendor, {"footer_rows": 1, "null_words": ["N/A"]}) == FileOptions(
        footer_rows=1, null_words=("N/A",)
    )


@pytest.mark.parametrize(
    ("block", "named"),
    [
        ({"encodng": "cp1252"}, 'file.encodng: unknown setting. Did you mean "encoding"?'),
        (
            {"encoding": "latin-99"},
            'file.encoding: must be an encoding such as utf-16 or cp1252, not "latin-99"',
        ),
        (
            {"encoding": "hex"},
            'file.encoding: must be an encoding such as utf-16 or cp1252, not "hex"',
        ),
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
def test_what_cannot_be_meant_is_an_error_that_names_the_setting(block, named):
    with pytest.raises(ConfigError) as caught:
        options("digital_turbine", block)
    assert named in str(caught.value)
