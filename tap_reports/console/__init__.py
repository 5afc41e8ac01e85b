"""What people see on a terminal: tables, JSON, and the live table of a sync."""
