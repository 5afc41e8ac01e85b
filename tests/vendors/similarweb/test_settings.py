"""Similarweb: the block's settings, and all that can be wrong in a report."""

import pytest
from similarweb_account import KEY, MONTH, SUBMIT, TRAFFIC, VALIDATE, asked, config, connect, kinds

from tap_reports.exceptions import CallRejected, ConfigError
from tap_reports.models import Granularity
from tap_reports.vendors.similarweb import VENDOR
from tap_reports.vendors.similarweb.selection import select
from tap_reports.vendors.similarweb.tables import documented


def errors_of(*reports, **values):
    with pytest.raises(ConfigError) as caught:
        connect(*reports, **values).report_types()
    return caught.value.errors


@pytest.mark.usefixtures("described")
def test_all_errors_of_all_reports_are_listed_with_the_nearest_names():
    traffic, needed = (
        'table "traffic_and_engagement"',
        "set similarweb.domains or the report's filters.domains",
    )
    assert errors_of(
        {"table": "traffic_and_engagment"},
        {**TRAFFIC, "metrics": ["desktop_visit", "zzz"], "filters": {"domain": ["x.com"]}},
        {**TRAFFIC, "granularity": "weekly", "metrics": ["global_rank"]},
        {"table": "custom_table", "granularity": "weekly"},
        domains=None,
    ) == [
        (
            'similarweb.reports[0]: the table "traffic_and_engagment" is not described by the account or '
            "documented: correct its name, or list the report's metrics, filters and primary_keys, so that "
            'Similarweb\'s free validation can try it. Did you mean "traffic_and_engagement"?'
        ),
        f'similarweb.reports[1]: {traffic} has no metric "desktop_visit". Did you mean "desktop_visits"?',
        (
            f'similarweb.reports[1]: {traffic} has no metric "zzz". There are desktop_visits, pages, '
            "global_rank, category, breakdown, new_metric."
        ),
        f'similarweb.reports[1]: {traffic} has no filter "domain". Did you mean "domains"?',
        f"similarweb.reports[1]: {traffic} needs domains: {needed}",
        f'similarweb.reports[2]: metric "global_rank" of {traffic} exists monthly only',
        f"similarweb.reports[2]: {traffic} needs domains: {needed}",
        'similarweb.reports[3]: table "custom_table" has no granularity "weekly"; it has daily',
        'similarweb.reports[3]: table "custom_table" needs industries: set the report\'s filters.industries',
    ]


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    "report",
    [
        {"table": "website"},
        {"table": "segments", "filters": {"segment_ids": ["$PS_1"], "countries": ["US"]}},
        {"table": "secret_table", "metrics": ["secret_metric"], "filters": {"things": ["x"]}},
    ],
)
def test_a_table_that_describe_does_not_list_is_tried_by_validation(requests_mock, report):
    requests_mock.post(VALIDATE, json={"errors": ["table is not available"], "is_valid": False})
    client = connect({**report, "primary_keys": ("thing",)})
    [report_type] = client.report_types()
    [request] = client.requests(report_type, MONTH)
    with pytest.raises(CallRejected, match="table is not available"):
        client.estimate(request)


@pytest.mark.usefixtures("undescribed")
@pytest.mark.parametrize(
    ("report", "said"),
    [
        (
            {**TRAFFIC, "metrics": ["desktop_visit"]},
            'no metric "desktop_visit". Did you mean "desktop_visits"',
        ),
        ({**TRAFFIC, "granularity": "on-demand"}, 'no granularity "on-demand"; it has '),
        ({"table": "website_marketing_channels"}, "not all known: list them in the report's metrics"),
        (
            {"table": "site_keywords", "filters": {"domains": []}},
            "needs domains or keywords: set similarweb.domains or similarweb.keywords",
        ),
    ],
)
def test_errors_are_found_in_documented_tables_too(report, said):
    [error] = errors_of(report)
    assert said in error


@pytest.mark.usefixtures("undescribed")
def test_metrics_and_filters_that_nobody_documents_are_taken_where_they_are_listed():
    table = {"table": "website_marketing_channels", "metrics": ["some_visits"], "filters": {"some": ["x"]}}
    client = connect(table)
    [report] = client.report_types()
    assert list(kinds(report)) == ["domain", "country", "channel", "date"], "the file tells the metric's kind"
    parameters = client.requests(report, MONTH)[0].parameters
    assert (parameters["metrics"], parameters["filters"]["some"]) == (["some_visits"], ["x"])


@pytest.mark.usefixtures("undescribed")
def test_a_week_up_to_now_and_a_result_on_demand_are_snapshots_of_the_newest(requests_mock):
    requests_mock.post(SUBMIT, json={"report_id": "r"})
    week = {"table": "site_keywords", "granularity": "7days"}
    demand = {"table": "serp", "granularity": "on-demand"}
    assert not any(map(VENDOR.is_dated, (week, demand)))
    client = connect(week, demand, keywords=["shoes"])
    of_week, on_demand = client.report_types()
    assert (of_week.name, of_week.dated) == ("site_keywords_7days", False)
    assert of_week.primary_keys == ("domain", "country", "keyword", "date")
    assert (on_demand.name, on_demand.dated) == ("serp_on_demand", False)
    assert on_demand.primary_keys == (), "its key columns are not documented"
    client.submit(client.requests(of_week, None)[0])
    [table] = requests_mock.last_request.json()["report_query"]["tables"]
    assert (table["granularity"], table["latest"]) == ("7days", True)


def test_documented_tables_are_whole():
    tables = documented()
    assert [len(tables["traffic_and_engagement"].metrics_at(name)) for name in Granularity] == [33, 28, 56]
    assert [len(tables["apps"].metrics_at(name)) for name in Granularity] == [8, 2, 17]
    assert len(tables) == 34
    open_tables = {name for name, table in tables.items() if table.open_metrics}
    assert open_tables == {"website_marketing_channels"}, "the templates list the others"
    for table in tables.values():
        assert table.keys or table.name == "serp"
        for granularity in table.granularities:
            assert table.metrics_at(granularity) or granularity in table.open_metrics, table.name


def check(**block):
    return list(VENDOR.check({"api_key": KEY, "domains": ["a.com"], **block}))


NO_DOMAINS = (
    'reports[{}]: table "traffic_and_engagement" needs domains: '
    "set similarweb.domains or the report's filters.domains."
).format
NO_APPS = 'reports[1]: table "apps" needs apps: set similarweb.apps or the report\'s filters.apps.'


@pytest.mark.parametrize(
    ("block", "errors"),
    [
        ({}, []),
        pytest.param({"reports": [{"table": "custom_table"}]}, [], id="only describe knows this table"),
        ({"domains": [], "reports": [TRAFFIC, {"table": "apps"}]}, [NO_DOMAINS(0), NO_APPS]),
        ({"domains": [], "reports": [{**TRAFFIC, "filters": {"domains": ["b.com"]}}]}, []),
        pytest.param({"domains": []}, [NO_DOMAINS(0)], id="the default report, too"),
        (
            {"status_path": "/status", "retry_path": "/retry"},
            [f"{name}_path: must contain {{report_id}}." for name in ("status", "retry")],
        ),
    ],
)
def test_what_is_wrong_with_a_block_is_named(block, errors):
    assert check(**block) == errors


NO_TEXTS = "must be a text, a list of texts, true or false"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        *(
            ("countries", value, NO_TEXTS)
            for value in ({"US": True}, [None], [["US"]], ["US", {}], ["US", True])
        ),
        ("countries", True, "takes a list of texts"),
        ("domains", [], "needs domains"),
        ("domains", " ", "needs domains"),
        ("include_subdomains", {}, NO_TEXTS),
        ("include_subdomains", [True], NO_TEXTS),
        *(("include_subdomains", value, "takes true or false") for value in (["true"], "true", 1)),
        ("country", ["US"], 'no filter "country". Did you mean "countries"?'),
    ],
)
@pytest.mark.usefixtures("described")
def test_a_filter_of_the_wrong_form_is_refused_before_anything_is_validated(requests_mock, name, value, said):
    report = {**TRAFFIC, "filters": {name: value}}
    [error] = check(reports=[report]) or errors_of(report)
    assert said in error
    assert name in error
    assert not [call for call in requests_mock.request_history if call.method == "POST"]


@pytest.mark.usefixtures("described")
@pytest.mark.parametrize(
    ("filters", "values", "sent"),
    [
        (
            {"domains": ["b.com"], "include_subdomains": None, "countries": "us"},
            {"include_subdomains": True},
            {"domains": ["b.com"], "countries": ["US"]},
        ),
        ({"countries": "us", "domains": [1, "B.com"]}, {}, {"domains": ["1", "b.com"], "countries": ["US"]}),
    ],
)
def test_a_report_s_filters_replace_the_defaults_and_one_value_stands_for_a_list(filters, values, sent):
    assert asked({**TRAFFIC, "filters": filters}, **values)[0].parameters["filters"] == sent


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("Example.COM", "example.com"),
        ("https://www.example.com/path?x=1", "example.com"),
        ("http://store.example.com:8080", "store.example.com"),
        ("//example.com", "example.com"),
        ("www.example.com#top", "example.com"),
        ("medium.com/@somebody", "medium.com"),
        ("  example.com  ", "example.com"),
        ("auth.poker*", "auth.poker*"),
        ("www.com", "www.com"),
        ("wwwords.com", "wwwords.com"),
    ],
)
def test_domains_are_written_as_similarweb_wants_them_and_keywords_as_they_are(text, domain):
    chosen = select(TRAFFIC, {"domains": [text, domain]}, documented())
    assert chosen.filters["domains"] == [domain], "and each once"
    chosen = select({"table": "keywords"}, {"keywords": [text]}, documented())
    assert chosen.filters == {"keywords": [text.strip()], "countries": ["WW"]}


def test_credit_limits_keep_their_digits():
    assert VENDOR.max_credits(config()) == (None, None)
    limits = VENDOR.max_credits(config(max_credits_per_report=3000, max_credits_per_run=0.1))
    assert [str(limit) for limit in limits] == ["3000", "0.1"]
