"""What people run instead of a sync: `--plan`, `--submit`, `--jobs`, `--test`; and what a sync can record."""
