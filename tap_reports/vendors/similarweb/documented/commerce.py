"""Tables about conversion, companies, shopping and segments. Few of their metrics are written down."""

from __future__ import annotations

from tap_reports.vendors.similarweb.documented.rows import TEXT, D, M, W, metrics, table

CHANNEL_CONVERSION = "channel_visits channel_conversion_rate channel_converted_visits"
SITE_CONVERSION = "site_conversion_rate site_converted_visits site_visits segment_conversion_stickiness"
PHRASE_CONVERSION = "oss_phrase_rank oss_phrase_visits oss_phrase_converted_visits oss_phrase_conversion_rate"

TABLES = (
    table(
        "channel_conversion",
        (M,),
        "domains countries segment_ids channels sectors",
        "domain country segment_id channel channel_sector",
        # A key column that is in the file only if it is asked for as a metric.
        metrics("channel_sector", TEXT),
        metrics(CHANNEL_CONVERSION),
    ),
    table(
        "site_conversion",
        (M,),
        "domains countries segment_ids sectors",
        "domain country segment_id site_sector stickiness_sector",
        metrics(SITE_CONVERSION),
        open_metrics=(M,),
    ),
    table(
        "oss_phrase_conversion",
        (M,),
        "domains countries segment_ids oss_phrase_terms sectors",
        "domain country segment_id search_term oss_phrase_sector",
        metrics(PHRASE_CONVERSION),
        open_metrics=(M,),
    ),
    table(
        "company_info",
        (D,),
        "domains company",
        "domain company_name",
        metrics(
            "company_name company_employee_range company_estimated_revenue_range hq_street_address", TEXT
        ),
        open_metrics=(D,),
    ),
    table(
        "technographics",
        (D,),
        "domains technology_ids technologies",
        "domain tech_id tech_name",
        metrics(
            "technology_parent_category uninstalled_date installation_date"
            " technology_category technology_description",
            TEXT,
        ),
    ),
    table(
        "shopper_category",
        (M,),
        "domains category_ids",
        "domain category_id shopper_category",
        open_metrics=(M,),
    ),
    table(
        "shopper_brand_category",
        (M,),
        "domains brands category_ids",
        "domain brand category_id shopper_brand_category",
        open_metrics=(M,),
    ),
    table(
        "shopper_category_top_brands",
        (M,),
        "domains category_ids",
        "domain category_id brand shopper_top_brands_category",
        open_metrics=(M,),
    ),
    table(
        "shopper_keyword_product",
        (W, M),
        "domains keywords asins",
        "domain keyword parent_asin",
        open_metrics=(W, M),
    ),
    table(
        "shopper_keywords_brand",
        (M,),
        "domains brands category_ids",
        "domain brand category_id keyword",
        open_metrics=(M,),
    ),
    table(
        "shopper_keywords_category",
        (M,),
        "domains category_ids",
        "domain category_id keyword",
        open_metrics=(M,),
    ),
    table(
        "shopper_products_brand",
        (M,),
        "domains brands category_ids asins",
        "domain brand category_id asin brand_sales_performance_top_products_category_name",
        metrics("brand_sales_performance_top_products_category_name", TEXT),
        open_metrics=(M,),
    ),
    table(
        "shopper_products_category",
        (M,),
        "domains category_ids asins",
        "domain category_id asin",
        open_metrics=(M,),
    ),
    table("segments", (D, M), "segment_ids", "segment_id", open_metrics=(D, M)),
)
