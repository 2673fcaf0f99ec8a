"""From newer tables to the release that serves: jobs, refresh, reload, retention."""
