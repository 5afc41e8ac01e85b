"""Tables about mobile apps."""

from __future__ import annotations

from tap_reports.vendors.similarweb.documented.rows import D, M, W, metrics, table

APPS_DAILY = (
    "apps_sessions_per_user apps_avg_usage_time_per_session apps_avg_total_usage_time_per_user"
    " apps_install_penetration apps_unique_installs apps_downloads"
    " apps_daily_active_users_ios apps_daily_active_users_android"
)

TABLES = (
    table(
        "apps",
        (D, W, M),
        "apps countries",
        "app country",
        metrics(APPS_DAILY, at=(D,)),
        metrics("apps_weekly_active_users_ios apps_weekly_active_users_android", at=(W,)),
        metrics("apps_monthly_active_users_ios apps_monthly_active_users_android", at=(M,)),
        open_metrics=(W, M),
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
