"""Reports: one declared object each; see `clinic.reports.report` for what one says and `clinic.reports.catalog`."""
