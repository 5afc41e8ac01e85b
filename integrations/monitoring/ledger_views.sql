-- Views of a job ledger in PostgreSQL, for Grafana and others. Read-only: run them once, in the ledger's schema.

-- How each stream's last run ended.
CREATE OR REPLACE VIEW tap_reports_stream_status AS
SELECT DISTINCT ON (s.stream)
    s.stream, s.outcome, s.error, s.rows, s.last_day, r.started_at, r.seconds, r.exit_status
FROM tap_reports_run_streams AS s
JOIN tap_reports_runs AS r ON r.id = s.run
ORDER BY s.stream, r.started_at DESC;

-- The last day of each stream that any run has had out, and how old it is.
CREATE OR REPLACE VIEW tap_reports_freshness AS
SELECT stream, max(last_day) AS last_day, current_date - max(last_day) AS days_behind
FROM tap_reports_run_streams
WHERE slices_done > 0
GROUP BY stream;

-- Submissions of each quota in the last 24 hours: compare with the vendor's limit.
CREATE OR REPLACE VIEW tap_reports_submissions_today AS
SELECT vendor, account, quota, count(*) AS submissions, max(at) AS last_at
FROM tap_reports_submissions
WHERE at > now() - interval '24 hours'
GROUP BY vendor, account, quota;

-- What each day's jobs cost and brought.
CREATE OR REPLACE VIEW tap_reports_jobs_by_day AS
SELECT
    date_trunc('day', sent_at) AS day, vendor, account,
    count(*) AS jobs,
    count(*) FILTER (WHERE left(status, 6) = 'failed') AS failed,
    sum(rows) AS rows, sum(bytes) AS bytes, sum(nullif(credits, '')::numeric) AS credits,
    avg(extract(epoch FROM finished_at - sent_at)) AS seconds_at_vendor
FROM tap_reports_jobs
GROUP BY 1, 2, 3;
