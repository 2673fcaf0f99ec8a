"""Row of the dashboard on operations: processes, dependencies, jobs and events."""

from __future__ import annotations

from telemetry import metrics
from tools.grafana.panels import Limit, Panel
from tools.grafana.queries import highest, lowest, quantile, rate, series, total

OPERATIONS = (
    Panel(
        "Servers that can be scraped",
        "1 for each server that Prometheus reaches. 0: it is down, or refuses the key.",
        (('up{job="mlrf",namespace=~"$namespace",instance=~"$instance"}', "{{instance}}"),),
        alert="ScrapeFailing",
        limit=Limit(1, bad="below"),
    ),
    Panel(
        "Servers that are ready",
        "1 where every worker of a server has verified model and data.",
        ((lowest(metrics.READY, "instance"), "{{instance}}"),),
        alert="ModelNotReady",
        limit=Limit(1, bad="below"),
    ),
    Panel(
        "Degraded",
        "1 while a server does less than it should, by reason. Forecasts go on; GET /health says "
        "more.",
        ((highest(metrics.DEGRADED, "reason"), "{{reason}}"),),
        alert="ServiceDegraded",
        limit=Limit(1),
    ),
    Panel(
        "Dependencies",
        "0 while a worker cannot reach Redis or the database; absent until one has tried.",
        ((lowest(metrics.DEPENDENCY_AVAILABLE, "dependency"), "{{dependency}}"),),
        alert="RedisDegraded",
        limit=Limit(1, bad="below"),
    ),
    Panel(
        "Redis",
        "Operations that failed, by kind.",
        ((rate(metrics.REDIS_ERRORS, "kind"), "{{kind}}"),),
        unit="ops",
        alert="RedisDegraded",
    ),
    Panel(
        "Time of Redis and the database",
        "p99 of an operation on Redis and of a transaction of the database.",
        (
            (
                quantile(0.99, metrics.STAGE_SECONDS, "stage", where='stage=~"redis|storage"'),
                "{{stage}}",
            ),
        ),
        unit="s",
        alert="DatabaseDegraded",
    ),
    Panel(
        "Time since the newest jobs",
        "Time since the newest end of each kind of job, by outcome. `reload, failed` below "
        "`reload, succeeded` means that the newest one failed.",
        (
            (
                f"time() - {highest(metrics.JOB_LAST, 'kind', 'outcome')}",
                "{{kind}}, {{outcome}}",
            ),
        ),
        unit="s",
        alert="ReloadFailing",
    ),
    Panel(
        "Duration of the newest jobs",
        "How long the newest job of each kind took.",
        ((highest(metrics.JOB_LAST_SECONDS, "kind", "outcome"), "{{kind}}, {{outcome}}"),),
        unit="s",
        alert="TrainingFailing",
    ),
    Panel(
        "Jobs that ended",
        "Jobs of the servers' own runner in a day.",
        (
            (
                f"sum by (kind, outcome) (increase({series(metrics.JOBS)}[1d]))",
                "{{kind}}, {{outcome}}",
            ),
        ),
        alert="ReloadOverdue",
    ),
    Panel(
        "Workers",
        "Workers that run, by server.",
        ((total(metrics.WORKERS, "instance"), "{{instance}}"),),
        alert="WorkerMissing",
    ),
    Panel(
        "Starts of workers",
        "Workers that were started in an hour. More than a server has: they keep ending.",
        (
            (
                f"sum by (instance) (increase({series(metrics.WORKER_STARTS)}[1h]))",
                "{{instance}}",
            ),
        ),
        alert="WorkerRestarts",
    ),
    Panel(
        "Memory of the workers",
        "Memory of a server's workers together; what they share counts once. They have 1 GiB.",
        ((highest(metrics.WORKER_MEMORY, "instance"), "{{instance}}"),),
        unit="bytes",
        alert="WorkerMemoryHigh",
    ),
    Panel(
        "Event loop lag",
        "Longest time by which the event loop of a worker was late: all its requests wait.",
        ((highest(metrics.LOOP_LAG, "instance"), "{{instance}}"),),
        unit="s",
        alert="EventLoopLag",
        limit=Limit(">"),
    ),
    Panel(
        "Events",
        "Attempts to deliver events, and events that were given up (`dead`) or found no space "
        "(`lost`).",
        ((rate(metrics.EVENTS, "target", "outcome"), "{{target}}, {{outcome}}"),),
        unit="ops",
        alert="EventsGivenUp",
    ),
    Panel(
        "Events that wait",
        "Events that are not delivered yet.",
        ((highest(metrics.EVENTS_WAITING, "target"), "{{target}}"),),
        alert="EventsWaiting",
    ),
    Panel(
        "Age of the oldest event",
        "Time that the oldest event waits. Nothing is drawn while none waits.",
        (
            (
                f"time() - ({highest(metrics.EVENTS_OLDEST, 'target')} > 0)",
                "{{target}}",
            ),
        ),
        unit="s",
        alert="EventsWaiting",
        limit=Limit(">"),
    ),
    Panel(
        "Versions",
        "Version of the product on each server; two for as long as a rollout takes.",
        ((highest(metrics.BUILD, "version"), "{{version}}"),),
        runbook="rollback.md",
        shape="value",
        names=True,
    ),
)
