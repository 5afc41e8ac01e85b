"""What people ask for beside a sync: `--plan`, `--jobs`, `--test`, and the table while a sync runs."""
