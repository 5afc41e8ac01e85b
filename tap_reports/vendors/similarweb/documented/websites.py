"""Tables about websites and keywords."""

from __future__ import annotations

from tap_reports.models import Kind
from tap_reports.vendors.similarweb.documented.rows import TEXT, D, M, W, metrics, table
from tap_reports.vendors.similarweb.tables import Metric

CHANNELS = ("direct", "referrals", "display_ads", "mail", "social", "organic_search", "paid_search")


def _channels(device: str) -> str:
    return " ".join(
        f"{channel}_channel_{device}_{what}" for channel in CHANNELS for what in ("visits", "share")
    )


def _engagement(device: str) -> tuple[Metric, ...]:
    return (
        *metrics(" ".join(f"{device}_{what}" for what in _PER_DEVICE)),
        *metrics(f"{device}_unique_visitors {device}_page_views", at=(D, M)),
        *metrics(f"{device}_share"),
    )


_PER_DEVICE = ("visits", "pages_per_visit", "bounce_rate", "average_visit_duration")

TRAFFIC = (
    *metrics(
        "all_traffic_visits all_traffic_pages_per_visit"
        " all_traffic_average_visit_duration all_traffic_bounce_rate"
    ),
    *_engagement("desktop"),
    *_engagement("mobile"),
    *metrics("all_page_views", at=(D, M)),
    *metrics("deduplicated_audience desktop_new_visitors desktop_returning_visitors", at=(M,)),
    *metrics("desktop_ppc_spend_usd mobile_ppc_spend_usd", at=(M,)),
    *metrics("global_rank country_rank category_rank_new", Kind.INTEGER, at=(M,)),
    *metrics("category", TEXT, at=(M,)),
    *metrics(_channels("desktop")),
    *metrics(_channels("mobile"), at=(M,)),
)
REFERRALS = " ".join(
    f"{way}_{what}"
    for way in ("desktop_referral", "mobile_referral", "desktop_outgoing_referral")
    for what in ("visits", "change", "share")
)
SITE_KEYWORDS = (
    *metrics(
        " ".join(
            f"desktop_keywords_{which}_{what}"
            for which in ("total", "organic", "paid")
            for what in ("visits", "share")
        )
    ),
    *metrics(" ".join(f"desktop_keywords_top_{which}_url" for which in ("all", "organic", "paid")), TEXT),
    *metrics(" ".join(f"desktop_keywords_top_{which}_url_position" for which in ("all", "organic", "paid"))),
)
SITE = "domains countries include_subdomains"

TABLES = (
    table(
        "traffic_and_engagement",
        (D, W, M),
        f"{SITE} is_main_domain is_states_enabled",
        "domain country",
        TRAFFIC,
    ),
    table(
        "website_marketing_channels",
        (D, M),
        "domains countries",
        "domain country channel",
        open_metrics=(D, M),
        open_filters=True,
    ),
    table(
        "marketing_channels",
        (D, M),
        "domains countries channels include_subdomains is_main_domain",
        "domain country channel",
        metrics("desktop_marketing_channels_visits desktop_marketing_channels_share"),
        metrics("mobile_marketing_channels_visits mobile_marketing_channels_share", at=(M,)),
    ),
    table(
        "traffic_sources",
        (M,),
        f"{SITE} channels",
        "domain country referrer_name channel",
        metrics("desktop_traffic_source_share"),
    ),
    table(
        "referrals",
        (M,),
        "domains countries referrals include_subdomains",
        "domain country site2",
        metrics(REFERRALS),
        metrics("mobile_outgoing_referral_share mobile_outgoing_referral_change", rest=True),
        limit=100,
    ),
    table(
        "desktop_top_geo",
        (M,),
        "domains include_subdomains",
        "domain country",
        metrics("desktop_top_geo", None),
    ),
    table(
        "popular_pages", (M,), "domains countries pages", "domain country page", metrics("popular_page_share")
    ),
    table("similar_sites", (M,), "domains", "site_1 site_2", metrics("site_affinity")),
    table(
        "website",
        (M,),
        "domains",
        "domain",
        metrics(
            "main_category sub_category online_revenue ecommerce_type first_level_domain description", TEXT
        ),
    ),
    table(
        "demographics",
        (M,),
        "domains countries age_groups gender",
        "domain country age gender",
        metrics(
            "demographics_share demographics_avg_visit_duration"
            " demographics_bounce_rate demographics_pages_per_visit"
        ),
    ),
    table(
        "audience_interests",
        (M,),
        "domains overlapping_domains countries",
        "domain overlapping_domain country",
        metrics("desktop_audience_interests_affinity desktop_audience_interests_overlap"),
        metrics("mobile_audience_interests_affinity mobile_audience_interests_overlap"),
    ),
    table(
        "site_keywords",
        ("7days", W, M),
        "domains countries keywords include_subdomains",
        "domain country keyword",
        SITE_KEYWORDS,
    ),
    table(
        "website_search_keywords",
        (D, W, M),
        "domains countries keywords include_subdomains",
        "domain country keyword",
        metrics("paid_desktop_site_clicks paid_mobile_site_clicks"),
        metrics("organic_desktop_site_clicks organic_mobile_site_clicks"),
    ),
    table(
        "keywords",
        (D, W, M),
        "keywords countries",
        "keyword country",
        metrics("keyword_search_volume"),
        metrics("desktop_keyword_difficulty zero_clicks_share", at=(M,)),
        metrics("all_keyword_cpc zero_clicks_latest_serp_date", None, at=(M,)),
    ),
    table(
        "serp",
        ("on-demand",),
        "keywords geolocations devices",
        "",
        metrics("serp_json_results serp_html_results", TEXT),
    ),
)
