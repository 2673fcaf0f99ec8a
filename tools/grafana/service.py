"""Row of the dashboard on the service: are requests answered, fast, and by the cache?"""

from __future__ import annotations

from telemetry import metrics
from tools.grafana.panels import Limit, Panel
from tools.grafana.queries import PLAIN, highest, objective, quantile, rate, total

_HITS, _MISSES = rate(metrics.CACHE_HITS), rate(metrics.CACHE_MISSES)

SERVICE = (
    Panel(
        "Error budget: availability",
        "Share of the failures that 99.9 % in 30 days allow and that is still left. Below 0 the "
        "objective is missed.",
        ((objective("slo:period_error_budget_remaining:ratio", "availability"), "left"),),
        unit="percentunit",
        alert="ErrorBudgetBurnsSlowly",
        limit=Limit(0, bad="below"),
        shape="value",
        width=4,
        decimals=1,
    ),
    Panel(
        "Error budget: latency",
        "Share of the slow plain forecasts that 99 % under 100 ms in 30 days allow and that is "
        "still left.",
        ((objective("slo:period_error_budget_remaining:ratio", "latency"), "left"),),
        unit="percentunit",
        alert="ErrorBudgetBurnsSlowly",
        limit=Limit(0, bad="below"),
        shape="value",
        width=4,
        decimals=1,
    ),
    Panel(
        "Requests that fail",
        "Share of the requests of five minutes that were answered by a 5xx. Over 1 % look at "
        "the problems by code.",
        ((objective("slo:sli_error:ratio_rate5m", "availability"), "5xx"),),
        unit="percentunit",
        alert="HighErrorRate",
        limit=Limit(">"),
        shape="value",
        width=4,
        decimals=2,
    ),
    Panel(
        "p99 of plain forecasts",
        "99 of 100 plain forecasts are answered within this time.",
        ((quantile(0.99, metrics.REQUEST_SECONDS, where=PLAIN), "p99"),),
        unit="s",
        alert="HighLatencyP99",
        limit=Limit(">"),
        shape="value",
        width=4,
    ),
    Panel(
        "Requests",
        "All requests a second, probes and scrapes included. 0 means that no traffic arrives: "
        "look at the proxy in front.",
        ((rate(metrics.REQUESTS), "requests"),),
        unit="reqps",
        runbook="incident.md",
        shape="value",
        width=4,
        decimals=1,
    ),
    Panel(
        "Alerts that fire",
        "All alerts of this service that fire now. Alertmanager lists them.",
        (('count(ALERTS{alertstate="firing"}) or vector(0)', "alerts"),),
        runbook="README.md",
        limit=Limit(1),
        shape="value",
        width=4,
    ),
    Panel(
        "Requests by endpoint",
        "Requests a second by the template of their route; `other` are paths that do not exist.",
        ((rate(metrics.REQUESTS, "endpoint"), "{{endpoint}}"),),
        unit="reqps",
        runbook="incident.md",
    ),
    Panel(
        "Requests by status",
        "Requests a second by HTTP status. 401, 403 and 429 are refusals, 5xx are failures.",
        ((rate(metrics.REQUESTS, "status"), "{{status}}"),),
        unit="reqps",
        alert="HighErrorRate",
    ),
    Panel(
        "Problems by code",
        "Answers that are problems, by their code: docs/reference/errors.md explains each.",
        ((rate(metrics.PROBLEMS, "code"), "{{code}}"),),
        unit="reqps",
        alert="AuthenticationSurge",
    ),
    Panel(
        "Time of plain forecasts",
        "Quantiles of the routes with the latency objective: /forecast, /predict/simple, "
        "/hierarchy. The line is the objective.",
        tuple(
            (quantile(share, metrics.REQUEST_SECONDS, where=PLAIN), f"p{share * 100:g}")
            for share in (0.5, 0.95, 0.99)
        ),
        unit="s",
        alert="HighLatencyP99",
        limit=Limit(">"),
    ),
    Panel(
        "p99 by endpoint",
        "What-ifs, explanations and batches compute, and take longer than plain forecasts.",
        ((quantile(0.99, metrics.REQUEST_SECONDS, "endpoint"), "{{endpoint}}"),),
        unit="s",
        alert="HighLatencyP99",
    ),
    Panel(
        "Burn rate of the error budgets",
        "1 spends the budget in exactly 30 days; 14.4 spends 2 % of it in an hour, and wakes a "
        "person if it lasts.",
        (
            (objective("slo:current_burn_rate:ratio"), "{{sloth_slo}}, 5 minutes"),
            (objective("slo:period_burn_rate:ratio"), "{{sloth_slo}}, 30 days"),
        ),
        alert="ErrorBudgetBurnsFast",
        limit=Limit(14.4),
    ),
    Panel(
        "Requests in flight",
        "Requests that are being answered, by server. A number that only grows is a server that "
        "hangs.",
        ((total(metrics.REQUESTS_IN_FLIGHT, "instance"), "{{instance}}"),),
        alert="EventLoopLag",
    ),
    Panel(
        "Requests over the limit",
        "Share of the requests of a tier that are refused by 429.",
        (
            (
                rate(metrics.LIMITER_DECISIONS, "tier", where='outcome="refused"')
                + " / "
                + rate(metrics.LIMITER_DECISIONS, "tier"),
                "{{tier}}",
            ),
        ),
        unit="percentunit",
        alert="RateLimitSurge",
        limit=Limit(">"),
    ),
    Panel(
        "Lookups of keys",
        "`hit` is cached, `miss` is read from the database; `stale` and `unavailable` mean that "
        "the database does not answer, `refused` that an address tries too many unknown keys.",
        ((rate(metrics.KEY_LOOKUPS, "outcome"), "{{outcome}}"),),
        unit="ops",
        alert="DatabaseDegraded",
    ),
    Panel(
        "Cache hit rate",
        "Share of the cacheable requests that the cache answered. It is low for some minutes "
        "after every new release.",
        ((f"{_HITS} / ({_HITS} + {_MISSES})", "hits"),),
        unit="percentunit",
        alert="LowCacheHitRate",
        limit=Limit("<", bad="below"),
    ),
    Panel(
        "Work of the cache",
        "Hits, those of them from Redis and those that waited for another request's computation; "
        "misses; bypasses, which callers ask for; evictions, which make room.",
        (
            (_HITS, "hits"),
            (rate(metrics.CACHE_REDIS_HITS), "hits in Redis"),
            (rate(metrics.CACHE_JOINED), "joined"),
            (_MISSES, "misses"),
            (rate(metrics.CACHE_BYPASSES), "bypasses"),
            (rate(metrics.CACHE_EVICTIONS), "evictions"),
        ),
        unit="ops",
        alert="LowCacheHitRate",
    ),
    Panel(
        "Size of the caches",
        "Answers in the memory of all workers of a server; each worker has CACHE_MAX_BYTES.",
        ((highest(metrics.CACHE_BYTES, "instance"), "{{instance}}"),),
        unit="bytes",
        alert="LowCacheHitRate",
    ),
)
