"""impact.com: a job's file, of which a JSON result may be one page of several."""

from __future__ import annotations

import gzip
import json

import pytest
from impact_account import NOW, PREFIX, client_of, request_of

from tap_reports.exceptions import FileError
from tap_reports.models import ReportJob
from tap_reports.vendors.impact.pages import page_numbers

URL = f"{PREFIX}/Jobs/j-1/Download"
ROWS = '"Records": [{"a": "1", "@page": "9"}, {"a": {"@numpages": "9"}}]'


def download_of(**values):
    client = client_of([{"id": "x"}], **values)
    (download,) = client.downloads(ReportJob(request=request_of(client), id="j-1", submitted_at=NOW))
    return download


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def after(file):
    """Return the URL of the page after a first one of that content, None without one."""

    def fetched(content):
        following = download_of(result_format="json").more(file(content))
        return following and following.url

    return fetched


def test_a_csv_result_is_one_file_fetched_with_credentials():
    download = download_of()
    assert (download.url, download.authenticated, download.more) == (URL, True, None)


@pytest.mark.parametrize(
    "template",
    [
        '{{"@page": {page}, "@numpages": {pages}, {rows}}}',
        '{{{rows}, "@numpages": {pages}, "@page": {page}}}',
    ],
    ids=["before the rows", "after the rows"],
)
@pytest.mark.parametrize("quote", ['"', ""], ids=["texts", "numbers"])
def test_the_pages_of_a_json_result_are_fetched_one_after_the_other(file, template, quote):
    download, urls = download_of(result_format="json"), []
    for page in (1, 2, 3):
        urls.append((download.url, download.authenticated))
        text = template.format(page=f"{quote}{page}{quote}", pages=f"{quote}3{quote}", rows=ROWS)
        download = download.more(file(text))
    assert urls == [(URL, True), (f"{URL}?Page=2", True), (f"{URL}?Page=3", True)]
    assert download is None


@pytest.mark.parametrize(
    "content",
    [
        "{" + ROWS + "}",
        "[]",
        "",
        '{"@page": "1", "@numpages": "1"}',
        '{"@page": "1", "@numpages": ""}',
        '{"@page": null, "@numpages": null, "Records": []}',
        '{"@nextpageuri": "", "Records": []}',
        '<html>"@numpages"</html>',
        gzip.compress(b'{"@numpages": "2"}', mtime=0)[:-9],
        gzip.compress(b'{"Records": []}', mtime=0),
    ],
)
def test_a_file_without_further_pages_is_the_only_one(after, content):
    assert after(content) is None


def test_a_result_without_page_number_counts_the_pages_itself(after):
    assert after('{"@numpages": 2, "Records": []}') == f"{URL}?Page=2"


def test_page_numbers_are_found_in_gzip_after_a_byte_order_mark_and_across_two_reads(file):
    text = b'\xef\xbb\xbf{"Records": [], "@page": "1", "@numpages": "2"}'
    start = '{"Records": ["'
    across = [
        f'{start}{"x" * ((1 << 20) - len(start) - 4 - shift)}"], "@numpages": "2", "@page": "1"}}'
        for shift in (2, 5, 11)
    ]
    for content in (text, gzip.compress(text), *across):
        assert page_numbers(file(content)) == {"@page": 1, "@numpages": 2}


def test_further_pages_of_an_unknown_number_are_an_error_and_not_left_out(after):
    with pytest.raises(FileError, match="has further pages"):
        after('{"@nextpageuri": "/x?Page=2", "Records": []}')


def test_the_same_page_twice_is_an_error_and_no_endless_loop(file):
    first = file(json.dumps({"@page": "1", "@numpages": "2", "Records": []}))
    second = download_of(result_format="json").more(first)
    with pytest.raises(FileError, match="Page 1 of the result came where page 2 was asked for"):
        second.more(first)
