"""Every alert fires on its condition, and is silent beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.observability.rules import Case, needs_promtool
from tools.grafana.alerts import alerts

JOB = {"job": "mlrf"}
A = {**JOB, "instance": "a"}
AVAILABILITY = {**JOB, "sloth_slo": "availability"}
LATENCY = {**JOB, "sloth_slo": "latency"}
PROBE = 'probe_success{job="mlrf-probe",instance="http://mlrf/f"}'
DAY = 86400  # promtool's clock starts at 0, so times of jobs are small numbers


def series(name: str, *instances: str, **labels: str) -> str:
    """Return the series of a metric, of a replica."""
    (instance,) = instances or ("a",)
    text = ",".join(f'{key}="{value}"' for key, value in {**labels, **JOB}.items())
    return f'{name}{{{text},instance="{instance}"}}'


def requests(status: str, instance: str = "a", endpoint: str = "/forecast") -> str:
    return series("mlrf_requests_total", instance, endpoint=endpoint, method="POST", status=status)


def traffic(good: str, bad: str, endpoint: str = "/forecast") -> dict[str, str]:
    """Return requests over two replicas, of which only the second fails."""
    return {
        requests("200", endpoint=endpoint): good,
        requests("200", "b", endpoint=endpoint): good,
        requests("500", "b", endpoint=endpoint): bad,
    }


def durations(all_: str, fast: str, endpoint: str = "/predict/simple") -> dict[str, str]:
    """Return a histogram of which some are at most 100 ms, and the others at most 250 ms."""
    name = "mlrf_request_duration_seconds"
    return {
        series(f"{name}_bucket", endpoint=endpoint, le="0.1"): fast,
        series(f"{name}_bucket", endpoint=endpoint, le="0.25"): all_,
        series(f"{name}_bucket", endpoint=endpoint, le="+Inf"): all_,
        series(f"{name}_count", endpoint=endpoint): all_,
    }


def gauges(name: str, a: str, b: str, **labels: str) -> dict[str, str]:
    """Return a gauge of two replicas."""
    return {series(name, "a", **labels): a, series(name, "b", **labels): b}


def accuracy(days: str, **values: str) -> dict[str, str]:
    """Return live figures, and figures of the bundle (`own_…`), of a level."""
    figures = {series("mlrf_live_accuracy_days"): days}
    for name, value in values.items():
        measure = name.removeprefix("own_")
        metric = "mlrf_live_accuracy_expected" if name.startswith("own_") else "mlrf_live_accuracy"
        figures[series(metric, level="store", measure=measure)] = value
    return figures


def job(kind: str, **outcomes: str) -> dict[str, str]:
    """Return when the newest jobs of a kind ended, by their outcome."""
    return {
        series("mlrf_job_last_timestamp_seconds", kind=kind, outcome=outcome): value
        for outcome, value in outcomes.items()
    }


FIRING: dict[str, Case] = {
    "2 % of an hour's requests fail": Case(
        "ErrorBudgetBurnsFast", traffic("0+60x90", "0+3x90"), "80m", (AVAILABILITY,)
    ),
    "1 % of six hours' requests fail": Case(
        "ErrorBudgetBurnsFast", traffic("0+60x500", "0+1.2x500"), "400m", (AVAILABILITY,)
    ),
    "a fifth of the plain forecasts of an hour are slow": Case(
        "ErrorBudgetBurnsFast", durations("0+60x90", "0+48x90"), "80m", (LATENCY,)
    ),
    "5 % fail in the first hour of traffic, at 0.14 requests/s": Case(
        "ErrorBudgetBurnsFast", traffic("0x360 0+3.8x80", "0x360 0+0.4x80"), "440m", (AVAILABILITY,)
    ),
    "1 % of six hours' requests fail, at 0.14 requests/s": Case(
        "ErrorBudgetBurnsFast", traffic("0+4.15x500", "0+0.084x500"), "400m", (AVAILABILITY,)
    ),
    "0.2 % of three days' requests fail, at 0.14 requests/s": Case(
        "ErrorBudgetBurnsSlowly",
        traffic("0+20.95x1000", "0+0.1x1000"),
        "75h",
        (AVAILABILITY,),
        interval="5m",
    ),
    "0.2 % of three days' requests fail": Case(
        "ErrorBudgetBurnsSlowly",
        traffic("0+600x1000", "0+2.4x1000"),
        "75h",
        (AVAILABILITY,),
        interval="5m",
    ),
    "2 % of five minutes' requests fail": Case(
        "HighErrorRate", traffic("0+60x20", "0+2.4x20"), "15m", (AVAILABILITY,)
    ),
    "5 % of five minutes' requests fail, at 0.14 requests/s": Case(
        "HighErrorRate", traffic("0+4x20", "0+0.4x20"), "15m", (AVAILABILITY,)
    ),
    "a fifth of the plain forecasts are slow, at 0.14 requests/s": Case(
        "HighLatencyP99", durations("0+8.4x30", "0+7x30"), "20m", (LATENCY,)
    ),
    "2 % of the plain forecasts are slow": Case(
        "HighLatencyP99", durations("0+100x30", "0+98x30"), "20m", (LATENCY,)
    ),
    "no replica has a model": Case(
        "ModelNotReady", gauges("mlrf_ready", "0x9", "0x9"), "5m", (JOB,)
    ),
    "one replica has no model": Case(
        "ServerNotReady", gauges("mlrf_ready", "0x20", "1x20"), "15m", (A,)
    ),
    "all scrapes fail": Case("ServiceDown", gauges("up", "0x9", "0x9"), "5m", (JOB,)),
    "there is nothing to scrape": Case(
        "ServiceDown", {'up{job="other",instance="x"}': "1x9"}, "5m", (JOB,)
    ),
    "no probe is answered": Case(
        "ProbeFailing", {PROBE: "0x9"}, "6m", ({"job": "mlrf-probe", "instance": "http://mlrf/f"},)
    ),
    "the scrapes of one replica fail": Case(
        "ScrapeFailing", gauges("up", "0x20", "1x20"), "10m", (A,)
    ),
    "each of two workers was started again twice": Case(
        "WorkerRestarts",
        {series("mlrf_worker_starts_total"): "2x5 3 4 5 6x60", series("mlrf_workers"): "2x80"},
        "40m",
        (A,),
    ),
    "a worker ended and was not started again": Case(
        "WorkerMissing", {series("mlrf_workers"): "2x30 1x30"}, "45m", (A,)
    ),
    "the workers take 1,000 MiB": Case(
        "WorkerMemoryHigh",
        {series("mlrf_worker_memory_bytes"): f"{1000 * 2**20}x30"},
        "20m",
        (A,),
    ),
    "the event loop of one replica is half a second late": Case(
        "EventLoopLag", gauges("mlrf_event_loop_lag_seconds", "0.5x20", "0.01x20"), "15m", (A,)
    ),
    "one replica cannot reach Redis": Case(
        "RedisDegraded", gauges("mlrf_degraded", "1x9", "0x9", reason="redis"), "5m", (JOB,)
    ),
    "one replica cannot reach the database": Case(
        "DatabaseDegraded", gauges("mlrf_degraded", "1x9", "0x9", reason="database"), "5m", (JOB,)
    ),
    "a release was refused": Case(
        "ServiceDegraded",
        gauges("mlrf_degraded", "1x20", "0x20", reason="offered_pair"),
        "15m",
        ({**JOB, "reason": "offered_pair"},),
    ),
    "three answers of ten are from the cache": Case(
        "LowCacheHitRate",
        {series("mlrf_cache_hits_total"): "0+27x90", series("mlrf_cache_misses_total"): "0+63x90"},
        "80m",
        (JOB,),
    ),
    "three of ten requests of a tier exceed their limit": Case(
        "RateLimitSurge",
        {
            series(
                "mlrf_rate_limit_decisions_total", tier="standard", outcome="refused"
            ): "0+90x30",
            series(
                "mlrf_rate_limit_decisions_total", tier="standard", outcome="allowed"
            ): "0+210x30",
            series(
                "mlrf_rate_limit_decisions_total", tier="premium", outcome="allowed"
            ): "0+900x30",
        },
        "20m",
        ({**JOB, "tier": "standard"},),
    ),
    "two requests a second have no valid key": Case(
        "AuthenticationSurge",
        {series("mlrf_problems_total", code="AUTH_INVALID"): "0+120x40"},
        "30m",
        (JOB,),
    ),
    "another event was given up": Case(
        "EventsGivenUp",
        {series("mlrf_events_total", target="webhook", outcome="dead"): "1x90 2x30"},
        "100m",
        ({**JOB, "target": "webhook", "outcome": "dead"},),
    ),
    "the first event was given up": Case(
        "EventsGivenUp",
        {series("mlrf_events_total", target="kafka", outcome="lost"): "_x90 1x30"},
        "100m",
        ({**JOB, "target": "kafka", "outcome": "lost"},),
    ),
    "an event waits for 20 minutes": Case(
        "EventsWaiting",
        {
            series("mlrf_events_waiting", target="webhook"): "1x40",
            series("mlrf_events_oldest_timestamp_seconds", target="webhook"): "600x40",
        },
        "30m",
        ({**JOB, "target": "webhook"},),
    ),
    "the buffer of predictions overflows": Case(
        "FeedbackDropped",
        {series("mlrf_feedback_dropped_total", reason="full"): "0x30 7x30"},
        "40m",
        ({**JOB, "reason": "full"},),
    ),
    "a sum is off by 1.5 millionths": Case(
        "IncoherentForecasts",
        gauges("mlrf_reconciliation_residual_ratio", "1.5e-6x9", "0x9"),
        "2m",
        (JOB,),
    ),
    "errors are half as large again as in the backtest": Case(
        "AccuracyWorseThanBacktest",
        accuracy("20x90", wape="0.15x90", own_wape="0.1x90"),
        "80m",
        ({**JOB, "level": "store"},),
    ),
    "last week's weekday is better": Case(
        "AccuracyWorseThanNaive",
        accuracy("20x90", wape="0.15x90", naive_wape="0.14x90"),
        "80m",
        ({**JOB, "level": "store"},),
    ),
    "intervals hold 72 % instead of 80 %": Case(
        "CoverageBelowBacktest",
        accuracy("20x90", coverage_80="0.72x90", own_coverage_80="0.8x90"),
        "80m",
        ({**JOB, "level": "store", "measure": "coverage_80"},),
    ),
    "a single drift is open": Case(
        "DriftOpen", {series("mlrf_drift_events", severity="warning"): "1x90"}, "80m", (JOB,)
    ),
    "drift of both severities is open": Case(
        "DriftOpen",
        {
            series("mlrf_drift_events", severity="critical"): "1x90",
            series("mlrf_drift_events", severity="warning"): "2x90",
        },
        "80m",
        (JOB,),
    ),
    "data are too old": Case(
        "DataStale", gauges("mlrf_degraded", "1x90", "1x90", reason="data"), "80m", (JOB,)
    ),
    "a reload failed after one succeeded": Case(
        "ReloadFailing", job("reload", succeeded="100x20", failed="200x20"), "10m", (JOB,)
    ),
    "the only reload failed": Case("ReloadFailing", job("reload", failed="200x20"), "10m", (JOB,)),
    "two days without a reload": Case(
        "ReloadOverdue",
        {
            **job("reload", succeeded=f"{DAY}x800"),
            series("mlrf_data_origin_timestamp_seconds"): "0x800",
        },
        "72h",
        (JOB,),
        interval="10m",
    ),
    "a training failed after one succeeded": Case(
        "TrainingFailing", job("training", succeeded="100x20", failed="200x20"), "10m", (JOB,)
    ),
}

SILENT: dict[str, Case] = {
    "a probe fails twice": Case("ProbeFailing", {PROBE: "1x5 0 0 1x9"}, "9m"),
    "no probe is made": Case("ProbeFailing", {}, "9m"),
    "1 % of an hour's requests fail, after five good hours": Case(
        "ErrorBudgetBurnsFast", traffic("0+60x420", "0x320 0+1.2x80"), "390m"
    ),
    "half a percent of six hours' requests fail": Case(
        "ErrorBudgetBurnsFast", traffic("0+60x500", "0+0.6x500"), "400m"
    ),
    "the failures of an hour are over": Case(
        "ErrorBudgetBurnsFast", traffic("0+60x120", "0+6x60 360x50"), "97m"
    ),
    "failures have only begun": Case(
        "ErrorBudgetBurnsFast", traffic("0+60x400", "0x380 0+6x20"), "384m"
    ),
    "a tenth of the requests fails, at 0.08 requests/s": Case(
        "ErrorBudgetBurnsFast", traffic("0+2.2x90", "0+0.4x90"), "80m"
    ),
    "1 % of six hours' requests fail, at 0.08 requests/s": Case(
        "ErrorBudgetBurnsFast", traffic("0+2.376x500", "0+0.048x500"), "400m"
    ),
    "one of two requests fails in a quiet night": Case(
        "ErrorBudgetBurnsFast", traffic("0x380 1x20", "0x380 1x20"), "384m"
    ),
    "probes and scrapes fail": Case(
        "ErrorBudgetBurnsFast",
        {**traffic("0+60x90", "0+60x90", "/readyz"), **traffic("0+60x90", "0+9x90", "other")},
        "80m",
    ),
    "what-ifs are slow": Case(
        "ErrorBudgetBurnsFast", durations("0+60x90", "0x90", "/whatif"), "80m"
    ),
    "no request was ever counted (fast)": Case("ErrorBudgetBurnsFast", {}, "80m"),
    "0.05 % of three days' requests fail": Case(
        "ErrorBudgetBurnsSlowly", traffic("0+600x1000", "0+0.6x1000"), "75h", interval="5m"
    ),
    "failures of three days ago are over": Case(
        "ErrorBudgetBurnsSlowly",
        traffic("0+600x1000", "0+12x400 4800x600"),
        "75h",
        interval="5m",
    ),
    "few requests in three days": Case(
        "ErrorBudgetBurnsSlowly", traffic("0+6x1000", "0+6x1000"), "75h", interval="5m"
    ),
    "no request was ever counted (slow)": Case("ErrorBudgetBurnsSlowly", {}, "80m"),
    "0.8 % of five minutes' requests fail": Case(
        "HighErrorRate", traffic("0+60x20", "0+0.96x20"), "15m"
    ),
    "5 % of five minutes' requests fail, at 0.08 requests/s": Case(
        "HighErrorRate", traffic("0+2.3x20", "0+0.2x20"), "15m"
    ),
    "a fifth of the plain forecasts are slow, at 0.08 requests/s": Case(
        "HighLatencyP99", durations("0+4.8x30", "0+4x30"), "20m"
    ),
    "a single request fails in a night": Case(
        "HighErrorRate", traffic("0x9 1x20", "0x9 1x20"), "16m"
    ),
    "requests are refused by 4xx": Case(
        "HighErrorRate", {requests("200"): "0+60x20", requests("429"): "0+60x20"}, "15m"
    ),
    "nothing is counted": Case("HighErrorRate", {}, "15m"),
    "one plain forecast of 200 is slow": Case(
        "HighLatencyP99", durations("0+200x30", "0+199x30"), "20m"
    ),
    "explanations are slow": Case(
        "HighLatencyP99", durations("0+60x30", "0x30", "/explain"), "20m"
    ),
    "two slow forecasts in a night": Case("HighLatencyP99", durations("0x5 2x30", "0x40"), "20m"),
    "one of two replicas has a model": Case(
        "ModelNotReady", gauges("mlrf_ready", "0x9", "1x9"), "5m"
    ),
    "readiness is not known": Case("ModelNotReady", {}, "5m"),
    "a replica loads its model for five minutes": Case(
        "ServerNotReady", gauges("mlrf_ready", "0x5 1x20", "1x25"), "15m"
    ),
    "no replica has a model, which is another alert": Case(
        "ServerNotReady", gauges("mlrf_ready", "0x20", "0x20"), "15m"
    ),
    "one of two can be scraped": Case("ServiceDown", gauges("up", "0x9", "1x9"), "5m"),
    "a scrape fails for a minute": Case("ServiceDown", {series("up"): "1x3 0 1x9"}, "5m"),
    "all can be scraped": Case("ScrapeFailing", gauges("up", "1x20", "1x20"), "10m"),
    "another job cannot be scraped": Case(
        "ScrapeFailing", {'up{job="node",instance="a"}': "0x20"}, "10m"
    ),
    "the whole server was restarted once": Case(
        "WorkerRestarts",
        {series("mlrf_worker_starts_total"): "4x20 0 1 2 3 4x60", series("mlrf_workers"): "4x90"},
        "50m",
    ),
    "one of two workers was started again": Case(
        "WorkerRestarts",
        {series("mlrf_worker_starts_total"): "2x20 3x60", series("mlrf_workers"): "2x90"},
        "50m",
    ),
    "starts are not known": Case("WorkerRestarts", {}, "50m"),
    "a worker is replaced within five minutes": Case(
        "WorkerMissing", {series("mlrf_workers"): "2x30 1x5 2x30"}, "45m"
    ),
    "the number of workers is not known": Case("WorkerMissing", {}, "45m"),
    "the workers take 600 MiB": Case(
        "WorkerMemoryHigh",
        {series("mlrf_worker_memory_bytes"): f"{600 * 2**20}x30"},
        "20m",
    ),
    "memory is high for ten minutes": Case(
        "WorkerMemoryHigh",
        {series("mlrf_worker_memory_bytes"): f"0x10 {2**30}x10 0x20"},
        "20m",
    ),
    "the event loop is 0.2 s late": Case(
        "EventLoopLag", gauges("mlrf_event_loop_lag_seconds", "0.2x20", "0.2x20"), "15m"
    ),
    "the event loop is late once": Case(
        "EventLoopLag", {series("mlrf_event_loop_lag_seconds"): "0x9 2 0x9"}, "15m"
    ),
    "Redis is available": Case(
        "RedisDegraded", gauges("mlrf_degraded", "0x9", "0x9", reason="redis"), "5m"
    ),
    "Redis is away for a minute": Case(
        "RedisDegraded", {series("mlrf_degraded", reason="redis"): "0x3 1 0x9"}, "5m"
    ),
    "there is no Redis": Case("RedisDegraded", {}, "5m"),
    "the database is available": Case(
        "DatabaseDegraded", gauges("mlrf_degraded", "0x9", "0x9", reason="database"), "5m"
    ),
    "only Redis is unavailable": Case(
        "DatabaseDegraded", {series("mlrf_degraded", reason="redis"): "1x9"}, "5m"
    ),
    "reasons with alerts of their own": Case(
        "ServiceDegraded",
        {
            series("mlrf_degraded", reason=reason): "1x20"
            for reason in ("redis", "database", "data")
        },
        "15m",
    ),
    "a reason lasts five minutes": Case(
        "ServiceDegraded", {series("mlrf_degraded", reason="artifacts"): "0x9 1x5 0x9"}, "15m"
    ),
    "six answers of ten are from the cache": Case(
        "LowCacheHitRate",
        {series("mlrf_cache_hits_total"): "0+120x90", series("mlrf_cache_misses_total"): "0+80x90"},
        "80m",
    ),
    "no answer is from the cache, but few are asked for": Case(
        "LowCacheHitRate",
        {series("mlrf_cache_hits_total"): "0x90", series("mlrf_cache_misses_total"): "0+50x90"},
        "80m",
    ),
    "there is no cache": Case("LowCacheHitRate", {}, "80m"),
    "15 % of the requests exceed their limit": Case(
        "RateLimitSurge",
        {
            series("mlrf_rate_limit_decisions_total", tier="a", outcome="refused"): "0+90x30",
            series("mlrf_rate_limit_decisions_total", tier="a", outcome="allowed"): "0+510x30",
        },
        "20m",
    ),
    "a client of few requests exceeds its limit": Case(
        "RateLimitSurge",
        {
            series("mlrf_rate_limit_decisions_total", tier="a", outcome="refused"): "0+50x30",
            series("mlrf_rate_limit_decisions_total", tier="a", outcome="allowed"): "0+1x30",
        },
        "20m",
    ),
    "nothing is limited": Case("RateLimitSurge", {}, "20m"),
    "three requests in four seconds have no valid key": Case(
        "AuthenticationSurge",
        {series("mlrf_problems_total", code="AUTH_INVALID"): "0+45x40"},
        "30m",
    ),
    "many requests are wrong in another way": Case(
        "AuthenticationSurge",
        {series("mlrf_problems_total", code="INVALID_REQUEST"): "0+600x40"},
        "30m",
    ),
    "an event was given up two hours ago": Case(
        "EventsGivenUp",
        {series("mlrf_events_total", target="webhook", outcome="dead"): "1x30 2x150"},
        "150m",
    ),
    "attempts fail, and are repeated": Case(
        "EventsGivenUp",
        {series("mlrf_events_total", target="webhook", outcome="failed"): "0+1x120"},
        "100m",
    ),
    "an event waits for ten minutes": Case(
        "EventsWaiting",
        {
            series("mlrf_events_waiting", target="webhook"): "3x40",
            series("mlrf_events_oldest_timestamp_seconds", target="webhook"): "1200x40",
        },
        "30m",
    ),
    "no event waits": Case(
        "EventsWaiting",
        {
            series("mlrf_events_waiting", target="webhook"): "0x40",
            series("mlrf_events_oldest_timestamp_seconds", target="webhook"): "0x40",
        },
        "30m",
    ),
    "a prediction was too large": Case(
        "FeedbackDropped",
        {
            series("mlrf_feedback_dropped_total", reason="large"): "0x30 7x30",
            series("mlrf_feedback_dropped_total", reason="full"): "0x60",
        },
        "40m",
    ),
    "sums are off by less than a millionth": Case(
        "IncoherentForecasts", gauges("mlrf_reconciliation_residual_ratio", "7e-7x9", "0x9"), "2m"
    ),
    "nothing was computed": Case("IncoherentForecasts", {}, "2m"),
    "errors are a fifth larger than in the backtest": Case(
        "AccuracyWorseThanBacktest", accuracy("20x90", wape="0.12x90", own_wape="0.1x90"), "80m"
    ),
    "errors are large on ten days": Case(
        "AccuracyWorseThanBacktest", accuracy("10x90", wape="0.2x90", own_wape="0.1x90"), "80m"
    ),
    "the bundle has no figures": Case(
        "AccuracyWorseThanBacktest", accuracy("20x90", wape="0.2x90"), "80m"
    ),
    "the model is better than last week": Case(
        "AccuracyWorseThanNaive", accuracy("20x90", wape="0.13x90", naive_wape="0.14x90"), "80m"
    ),
    "the model is worse than last week on ten days": Case(
        "AccuracyWorseThanNaive", accuracy("10x90", wape="0.2x90", naive_wape="0.14x90"), "80m"
    ),
    "intervals hold 77 % instead of 80 %": Case(
        "CoverageBelowBacktest",
        accuracy("20x90", coverage_80="0.77x90", own_coverage_80="0.8x90"),
        "80m",
    ),
    "intervals hold 70 % on ten days": Case(
        "CoverageBelowBacktest",
        accuracy("10x90", coverage_80="0.7x90", own_coverage_80="0.8x90"),
        "80m",
    ),
    "intervals hold more than they should": Case(
        "CoverageBelowBacktest",
        accuracy("20x90", coverage_95="1x90", own_coverage_95="0.9x90"),
        "80m",
    ),
    "drift is for information": Case(
        "DriftOpen",
        {
            series("mlrf_drift_events", severity="info"): "3x90",
            series("mlrf_drift_events", severity="critical"): "0x90",
        },
        "80m",
    ),
    "data are new": Case(
        "DataStale", gauges("mlrf_degraded", "0x90", "0x90", reason="data"), "80m"
    ),
    "data are old for half an hour": Case(
        "DataStale", {series("mlrf_degraded", reason="data"): "0x50 1x30 0x9"}, "80m"
    ),
    "a reload succeeded after one failed": Case(
        "ReloadFailing", job("reload", succeeded="300x20", failed="200x20"), "10m"
    ),
    "no reload has failed": Case("ReloadFailing", job("reload", succeeded="300x20"), "10m"),
    "another job failed": Case("ReloadFailing", job("training", failed="300x20"), "10m"),
    "a day without a reload": Case(
        "ReloadOverdue",
        {
            **job("reload", succeeded=f"{2 * DAY}x800"),
            series("mlrf_data_origin_timestamp_seconds"): "0x800",
        },
        "72h",
        interval="10m",
    ),
    "data came another way": Case(
        "ReloadOverdue",
        {
            **job("reload", succeeded=f"{DAY}x800"),
            series("mlrf_data_origin_timestamp_seconds"): f"{DAY}x800",
        },
        "72h",
        interval="10m",
    ),
    "nothing was ever reloaded": Case(
        "ReloadOverdue",
        {series("mlrf_data_origin_timestamp_seconds"): "0x800"},
        "72h",
        interval="10m",
    ),
    "a training succeeded after one failed": Case(
        "TrainingFailing", job("training", succeeded="300x20", failed="200x20"), "10m"
    ),
    "no training has ended": Case("TrainingFailing", {}, "10m"),
}


def parameters(cases: Mapping[str, Case]) -> list[object]:
    return [pytest.param(case, id=f"{case.alert}: {title}") for title, case in cases.items()]


@needs_promtool
@pytest.mark.parametrize("case", parameters(FIRING))
def test_an_alert_fires_when(case: Case, tmp_path: Path) -> None:
    assert case.firing
    assert case.run(tmp_path) == ""


@needs_promtool
@pytest.mark.parametrize("case", parameters(SILENT))
def test_an_alert_is_silent_when(case: Case, tmp_path: Path) -> None:
    assert not case.firing
    assert case.run(tmp_path) == ""


@needs_promtool
@pytest.mark.parametrize("case", parameters({case.alert: case for case in FIRING.values()}))
def test_an_alert_is_pending_for_as_long_as_it_says(case: Case, tmp_path: Path) -> None:
    waits = minutes(alerts()[case.alert].get("for", "0m"))
    samples = waits / minutes(case.interval)
    pending = f'ALERTS{{alertname="{case.alert}",alertstate="pending"}}'
    assert (
        case.evaluate(f"max(count_over_time({pending}[10d])) or vector(0)", samples, tmp_path) == ""
    )


def minutes(duration: str) -> int:
    return int(duration[:-1]) * {"m": 1, "h": 60}[duration[-1]]


def test_every_alert_has_a_case_of_both_kinds() -> None:
    assert {case.alert for case in FIRING.values()} == set(alerts())
    assert {case.alert for case in SILENT.values()} == set(alerts())
