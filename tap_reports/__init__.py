"""tap-reports: a Singer tap for vendors that hand data out as asynchronous reports."""
