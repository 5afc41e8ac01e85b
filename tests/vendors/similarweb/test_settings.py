"""Similarweb: the block's settings, and all that can be wrong in a report."""

from dataclasses import replace

import pytest
from one_account import tools
from similarweb_account import KEY, MONTH, TRAFFIC, asked, clock_at, config, connect, kinds

from tap_reports.exceptions import CallRejected, ConfigError
from tap_reports.models import Granularity
from tap_reports.vendors.similarweb import VENDOR
from tap_reports.vendors.similarweb.selection import select
from tap_reports.vendors.similarweb.tables import documented


@pytest.mark.usefixtures("described")
def test_all_errors_of_all_reports_are_listed_with_the_nearest_names():
    client = connect(
        {"table": "traffic_and_engagment"},
        {**TRAFFIC, "metrics": ["desktop_visit", "zzz"], "filters": {"domain": ["x.com"]}},
        {**TRAFFIC, "granularity": "weekly", "metrics": ["global_rank"]},
        {"table": "custom_table", "granularity": "weekly"},
        domains=None,
    )
    with pytest.raises(ConfigError) as caught:
        client.report_types()
    assert caught.value.errors == [
        (
            'similarweb.reports[0]: the table "traffic_and_engagment" is not described by the account or '
            "documented: correct its name, or list the report's metrics, filters and primary_keys, so that "
            'Similarweb\'s free validation can try it. Did you mean "traffic_and_engagement"?'
        ),
        (
            'similarweb.reports[1]: table "traffic_and_engagement" has no metric "desktop_visit". '
            'Did you mean "desktop_visits"?'
        ),
        (
            'similarweb.reports[1]: table "traffic_and_engagement" has no metric "zzz". There are '
            "desktop_visits, pages, global_rank, category, breakdown, new_metric."
        ),
        (
            'similarweb.reports[1]: table "traffic_and_engagement" has no filter "domain". '
            'Did you mean "domains"?'
        ),
        (
            'similarweb.reports[1]: table "traffic_and_engagement" needs domains: '
            "set similarweb.domains or the report's filters.domains"
        ),
        'similarweb.reports[2]: metric "global_rank" of table "traffic_and_engagement" exists monthly only',
        (
            'similarweb.reports[2]: table "traffic_and_engagement" needs domains: '
            "set similarweb.domains or the report's filters.domains"
        ),
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
    answer = {"errors": ["table is not available"], "is_valid": False}
    requests_mock.post("https://api.similarweb.com/batch/v5/request-validate", json=answer)
    settings = config(report)
    [report_settings] = settings.reports
    own = replace(report_settings, primary_keys=("thing",))
    client = VENDOR.connect(replace(settings, reports=(own,)), tools(settings.api_url, clock_at()))
    [report_type] = client.report_types()
    [request] = client.requests(report_type, MONTH)
    with pytest.raises(CallRejected, match="table is not available"):
        client.estimate(request)


@pytest.mark.usefixtures("undescribed")
@pytest.mark.parametrize(
    ("report", "message"),
    [
        ({"metrics": ["desktop_visit"]}, r'no metric "desktop_visit"\. Did you mean "desktop_visits"'),
        ({"granularity": "on-demand"}, 'no granularity "on-demand"; it has '),
    ],
)
def test_errors_are_found_in_documented_tables_too(report, message):
    with pytest.raises(ConfigError, match=message):
        connect({**TRAFFIC, **report}).report_types()


@pytest.mark.usefixtures("undescribed")
def test_metrics_that_nobody_documents_must_be_listed_and_are_then_taken():
    table = {"table": "website_marketing_channels"}
    with pytest.raises(ConfigError, match="not all known: list them in the report's metrics"):
        connect(table).report_types()

    client = connect({**table, "metrics": ["some_visits"], "filters": {"some_filter": ["x"]}})
    [report] = client.report_types()
    assert list(kinds(report)) == ["domain", "country", "channel", "date"], "the file tells the metric's kind"
    [request] = client.requests(report, MONTH)
    assert request.parameters["metrics"] == ["some_visits"]
    assert request.parameters["filters"]["some_filter"] == ["x"]


@pytest.mark.usefixtures("undescribed")
def test_a_week_up_to_now_and_a_result_on_demand_are_snapshots_of_the_newest(requests_mock):
    requests_mock.post("https://api.similarweb.com/batch/v5/request-report", json={"report_id": "r"})
    week, demand = (
        {"table": "site_keywords", "granularity": "7days"},
        {"table": "serp", "granularity": "on-demand"},
    )
    client = connect(week, demand, keywords=["shoes"])
    of_week, on_demand = client.report_types()
    assert (of_week.name, of_week.dated) == ("site_keywords_7days", False)
    assert of_week.primary_keys == ("domain", "country", "keyword", "date")
    assert (on_demand.name, on_demand.dated) == ("serp_on_demand", False)
    assert on_demand.primary_keys == (), "its key columns are not documented"
    assert not any(map(VENDOR.is_dated, (week, demand)))
    [request] = client.requests(of_week, None)
    client.submit(request)
    [table] = requests_mock.last_request.json()["report_query"]["tables"]
    assert table["granularity"] == "7days"
    assert table["latest"] is True


def test_either_of_two_entities_is_enough():
    report = {"table": "site_keywords", "granularity": "monthly"}
    assert select(report, {"keywords": ["shoes"]}, documented()).filters["keywords"] == ["shoes"]
    with pytest.raises(
        ConfigError, match=r"needs domains or keywords: set similarweb\.domains or similarweb\.key"
    ):
        select(report, {}, documented())


def test_documented_tables_are_whole():
    counts = {name: len(documented()["traffic_and_engagement"].metrics_at(name)) for name in Granularity}
    assert counts == {"daily": 33, "weekly": 28, "monthly": 56}
    assert {name: len(documented()["apps"].metrics_at(name)) for name in Granularity} == {
        "daily": 8,
        "weekly": 2,
        "monthly": 17,
    }
    assert len(documented()) == 34
    open_tables = {name for name, table in documented().items() if table.open_metrics}
    assert open_tables == {"website_marketing_channels"}, "the templates list the others"
    for table in documented().values():
        assert table.keys or table.name == "serp"
        for granularity in table.granularities:
            assert table.metrics_at(granularity) or granularity in table.open_metrics, table.name


def check(**block):
    return list(VENDOR.check({"api_key": KEY, "domains": ["a.com"], **block}))


def test_a_good_block_has_no_errors():
    assert check() == []
    assert check(reports=[{"table": "custom_table"}]) == [], "only describe knows this table"


def test_a_table_without_its_entity_names_the_setting():
    assert check(domains=[], reports=[TRAFFIC, {"table": "apps"}]) == [
        (
            'reports[0]: table "traffic_and_engagement" needs domains: '
            "set similarweb.domains or the report's filters.domains."
        ),
        'reports[1]: table "apps" needs apps: set similarweb.apps or the report\'s filters.apps.',
    ]
    assert check(domains=[], reports=[{**TRAFFIC, "filters": {"domains": ["b.com"]}}]) == []
    assert [text[:10] for text in check(domains=[])] == ["reports[0]"], "the default report, too"
    assert VENDOR.report_name({"table": "apps", "granularity": "daily", "name": "Our Apps"}) == "our_apps"


NO_TEXTS = "must be a text, a list of texts, true or false"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("countries", {"US": True}, NO_TEXTS),
        ("countries", [None], NO_TEXTS),
        ("countries", [["US"]], NO_TEXTS),
        ("countries", ["US", {}], NO_TEXTS),
        ("countries", ["US", True], NO_TEXTS),
        ("countries", True, "takes a list of texts"),
        ("domains", [], "needs domains"),
        ("domains", " ", "needs domains"),
        ("include_subdomains", {}, NO_TEXTS),
        ("include_subdomains", [True], NO_TEXTS),
        ("include_subdomains", ["true"], "takes true or false"),
        ("include_subdomains", "true", "takes true or false"),
        ("include_subdomains", 1, "takes true or false"),
        ("country", ["US"], 'no filter "country". Did you mean "countries"?'),
    ],
)
@pytest.mark.usefixtures("described")
def test_a_filter_of_the_wrong_form_is_refused_before_anything_is_validated(requests_mock, name, value, said):
    report = {**TRAFFIC, "filters": {name: value}}
    errors = check(reports=[report])
    if not errors:
        with pytest.raises(ConfigError) as caught:
            connect(report).report_types()
        errors = caught.value.errors
    assert [said in text and name in text for text in errors] == [True]
    assert not [call for call in requests_mock.request_history if call.method == "POST"]


@pytest.mark.usefixtures("described")
def test_one_value_stands_for_a_list_of_it_and_a_number_for_its_text():
    filters = {"countries": "us", "domains": [1, "B.com"]}
    assert asked({**TRAFFIC, "filters": filters})[0].parameters["filters"] == {
        "domains": ["1", "b.com"],
        "countries": ["US"],
    }


def test_paths_of_jobs_need_the_place_of_the_id():
    assert check(status_path="/status", retry_path="/retry") == [
        "status_path: must contain {report_id}.",
        "retry_path: must contain {report_id}.",
    ]


def test_credit_limits_keep_their_digits():
    assert VENDOR.max_credits(config()) == (None, None)
    limits = VENDOR.max_credits(config(max_credits_per_report=3000, max_credits_per_run=0.1))
    assert [str(limit) for limit in limits] == ["3000", "0.1"]
