"""Tables about mobile apps."""

from __future__ import annotations

from tap_reports.vendors.similarweb.documented.rows import D, M, W, metrics, table

USAGE = (
    "apps_sessions_per_user apps_avg_usage_time_per_session apps_avg_total_usage_time_per_user"
    " apps_install_penetration apps_unique_installs apps_downloads"
)
DEMOGRAPHICS = "apps_demographics_"
AUDIENCE = "age_18_to_24 age_25_to_34 age_35_to_44 age_45_to_54 age_55_plus male female"
ACTIVE_USERS = "active_users_android active_users_ios"

TABLES = (
    table(
        "apps",
        (D, W, M),
        "apps countries",
        "app country",
        metrics(USAGE, at=(D, M)),
        metrics(" ".join(f"{group}_percentage" for group in AUDIENCE.split()), at=(M,), prefix=DEMOGRAPHICS),
        metrics(ACTIVE_USERS, at=(M,), prefix="apps_monthly_"),
        metrics(ACTIVE_USERS, at=(W,), prefix="apps_weekly_"),
        metrics(ACTIVE_USERS, at=(D, M), prefix="apps_daily_"),
    ),
    table(
        "apps_affinity",
        (M,),
        "apps countries",
        "primary_app country affined_app",
        metrics("apps_affinity_android"),
    ),
    table(
        "apps_ranking_history",
        (D,),
        "apps countries modes device_types categories",
        "app country mode device_code rank_category",
        metrics("apps_ranking_history_ios apps_ranking_history_android"),
    ),
    table(
        "apps_retention", (M,), "apps countries", "app country daysback", metrics("apps_retention_android")
    ),
    table(
        "web_app_cross_use",
        (M,),
        "apps countries domains",
        "app country domain",
        metrics("app_web_cross_usage"),
    ),
)
