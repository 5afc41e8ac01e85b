"""The job ledger: every submitted job of an account, in SQLite or PostgreSQL."""
