"""Tables about conversion, companies, shopping and segments.

A key column that is among the metrics is in the file only if it is asked for as a metric.
"""

from __future__ import annotations

from tap_reports.vendors.similarweb.documented.rows import TEXT, D, M, W, metrics, table

SALES = "product_views units_sold revenue cvr units_sold_1P units_sold_3P revenue_1P revenue_3P"
PRODUCT_SALES = "units_sold revenue product_views average_unit_price reviews rating"
BRAND_SALES, CATEGORY_SALES = "brand_sales_performance_", "category_sales_performance_"
KEYWORD_PRODUCT = "shopper_keyword_product_"
BRAND_SEARCH, CATEGORY_SEARCH = "brand_onsite_search_top_keywords_", "category_onsite_search_top_keywords_"

CONVERSION = (
    table(
        "channel_conversion",
        (M,),
        "domains countries segment_ids channels sectors",
        "domain country segment_id channel channel_sector",
        metrics("channel_sector", TEXT),
        metrics("visits conversion_rate converted_visits", prefix="channel_"),
    ),
    table(
        "site_conversion",
        (M,),
        "domains countries segment_ids sectors",
        "domain country segment_id site_sector stickiness_sector",
        metrics("site_sector stickiness_sector", TEXT),
        metrics("site_conversion_rate site_converted_visits site_visits segment_conversion_stickiness"),
    ),
    table(
        "oss_phrase_conversion",
        (M,),
        "domains countries segment_ids oss_phrase_terms sectors",
        "domain country segment_id search_term oss_phrase_sector",
        metrics("oss_phrase_sector", TEXT),
        metrics("rank visits converted_visits conversion_rate", prefix="oss_phrase_"),
    ),
    table(
        "segments",
        (D, M),
        "countries segment_ids",
        "segment_id country",
        metrics(
            "total_visits unique_visitors pages_per_visit visit_duration page_views bounce_rate share",
            prefix="segment_",
        ),
        rest=True,
    ),
)

COMPANIES = (
    table(
        "company_info",
        (D,),
        "domains company",
        "domain company_name",
        metrics("company_name", TEXT),
        metrics("country city zip_code state", TEXT, prefix="company_headquarters_"),
        metrics("company_employee_range company_estimated_revenue_range hq_street_address", TEXT),
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
)

SHOPPING = (
    table(
        "shopper_category",
        (M,),
        "domains category_ids",
        "domain category_id shopper_category",
        metrics(SALES, prefix=CATEGORY_SALES),
    ),
    table(
        "shopper_brand_category",
        (M,),
        "domains brands category_ids",
        "domain brand category_id shopper_brand_category",
        metrics("shopper_brand_category", TEXT),
        metrics(SALES, prefix=BRAND_SALES),
    ),
    table(
        "shopper_category_top_brands",
        (M,),
        "domains category_ids",
        "domain category_id brand shopper_top_brands_category",
        metrics("units_sold revenue product_views cvr", prefix=f"{CATEGORY_SALES}top_brands_"),
    ),
    table(
        "shopper_keyword_product",
        (W, M),
        "domains keywords asins",
        "domain keyword parent_asin",
        metrics("brand leaf_category_id", TEXT, prefix=KEYWORD_PRODUCT),
        metrics("branded keyword_product_features keyword_features", None, prefix=KEYWORD_PRODUCT),
        metrics(
            "total_clicks avg_organic_ranking parent_asin_paid_clicks parent_asin_organic_clicks"
            " keyword_paid_clicks keyword_organic_clicks paid_clicks organic_clicks search_volume",
            prefix=KEYWORD_PRODUCT,
        ),
    ),
    table(
        "shopper_keywords_brand",
        (M,),
        "domains brands category_ids",
        "domain brand category_id keyword",
        metrics(
            "brand_clicks brand_organic_clicks_share brand_paid_clicks_share total_clicks brand_share",
            prefix=BRAND_SEARCH,
        ),
    ),
    table(
        "shopper_keywords_category",
        (M,),
        "domains category_ids",
        "domain category_id keyword",
        metrics(
            "total_clicks organic_clicks_share paid_clicks_share top_brand_share", prefix=CATEGORY_SEARCH
        ),
        metrics("top_brand", TEXT, prefix=CATEGORY_SEARCH),
    ),
    table(
        "shopper_products_brand",
        (M,),
        "domains brands category_ids asins",
        f"domain brand category_id asin {BRAND_SALES}top_products_category_name",
        metrics("category_name asin_name variations", TEXT, prefix=f"{BRAND_SALES}top_products_"),
        metrics(PRODUCT_SALES, prefix=f"{BRAND_SALES}top_products_"),
    ),
    table(
        "shopper_products_category",
        (M,),
        "domains category_ids asins",
        f"domain category_id asin {CATEGORY_SALES}top_products_category_name",
        metrics("category_name asin_name brand variations", TEXT, prefix=f"{CATEGORY_SALES}top_products_"),
        metrics(f"{PRODUCT_SALES} category_depth", prefix=f"{CATEGORY_SALES}top_products_"),
    ),
)

TABLES = (*CONVERSION, *COMPANIES, *SHOPPING)
