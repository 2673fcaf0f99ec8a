"""Row of the dashboard on forecasts: which model answers, from which data, and is it right?"""

from __future__ import annotations

from telemetry import metrics
from tools.grafana.panels import Limit, Panel
from tools.grafana.queries import highest, lowest, mean, quantile, rate, series

FORECASTS = (
    Panel(
        "Model that serves",
        "Bundle of each server; more than one for longer than a minute means that servers "
        "disagree.",
        ((f"max by (version) ({series(metrics.MODEL)}) == 1", "{{version}}"),),
        alert="ServiceDegraded",
        shape="value",
        width=8,
        names=True,
    ),
    Panel(
        "Age of the data",
        "Time since the start of the newest day of sales, in the oldest data that a server has.",
        ((f"time() - {lowest(metrics.DATA_ORIGIN)}", "age"),),
        unit="s",
        alert="DataStale",
        shape="value",
        width=4,
        decimals=1,
    ),
    Panel(
        "Open drift",
        "Drift events that are open, by severity: GET /drift lists them.",
        ((highest(metrics.DRIFT_EVENTS, "severity"), "{{severity}}"),),
        alert="DriftOpen",
        limit=Limit(1),
        shape="value",
        width=4,
    ),
    Panel(
        "Unseen series",
        "Series of the serving data with an attribute that the model has not seen: their "
        "forecasts are guesses by their neighbours.",
        ((highest(metrics.UNSEEN_SERIES), "series"),),
        runbook="data-anomaly.md",
        shape="value",
        width=4,
    ),
    Panel(
        "Days with sales to judge by",
        "Of the last 28 days, those on which forecasts were compared with sales. Alerts on "
        "accuracy need 14.",
        ((highest(metrics.LIVE_ACCURACY_DAYS), "days"),),
        alert="AccuracyWorseThanBacktest",
        limit=Limit(14, bad="below"),
        shape="value",
        width=4,
    ),
    Panel(
        "WAPE: served, expected, naive",
        "Error of the last 28 days by level; what the backtest has for the same days ahead; and "
        "that of last week's same weekday. Served above expected is worse than promised; above "
        "naive it is worthless.",
        (
            (highest(metrics.LIVE_ACCURACY, "level", where='measure="wape"'), "{{level}}, served"),
            (
                highest(metrics.LIVE_EXPECTED, "level", where='measure="wape"'),
                "{{level}}, expected",
            ),
            (
                highest(metrics.LIVE_ACCURACY, "level", where='measure="naive_wape"'),
                "{{level}}, naive",
            ),
        ),
        unit="percentunit",
        alert="AccuracyWorseThanBacktest",
    ),
    Panel(
        "Coverage: served and expected",
        "Share of the sales that are within the intervals, beside that of the backtest.",
        (
            (
                highest(metrics.LIVE_ACCURACY, "level", "measure", where='measure=~"coverage_.*"'),
                "{{level}}, {{measure}}, served",
            ),
            (
                highest(metrics.LIVE_EXPECTED, "level", "measure", where='measure=~"coverage_.*"'),
                "{{level}}, {{measure}}, expected",
            ),
        ),
        unit="percentunit",
        alert="CoverageBelowBacktest",
    ),
    Panel(
        "Bias: served and expected",
        "Units forecast beyond those sold, over those sold: above 0 is too high.",
        (
            (highest(metrics.LIVE_ACCURACY, "level", where='measure="bias"'), "{{level}}, served"),
            (
                highest(metrics.LIVE_EXPECTED, "level", where='measure="bias"'),
                "{{level}}, expected",
            ),
        ),
        unit="percentunit",
        alert="AccuracyWorseThanBacktest",
        lowest=None,
    ),
    Panel(
        "Figures of the model",
        "What the bundle's own backtest measured, by level: errors without a unit.",
        (
            (
                highest(
                    metrics.MODEL_BACKTEST, "level", "measure", where='measure=~"rmsle|wrmsse|wape"'
                ),
                "{{level}}, {{measure}}",
            ),
        ),
        alert="AccuracyWorseThanNaive",
    ),
    Panel(
        "Stages of an answer",
        "p95 of the time in each stage; storage is the database.",
        ((quantile(0.95, metrics.STAGE_SECONDS, "stage"), "{{stage}}"),),
        unit="s",
        alert="HighLatencyP99",
    ),
    Panel(
        "Computations by endpoint",
        "p95 of the time to compute an answer that the cache did not have.",
        ((quantile(0.95, metrics.COMPUTATION_SECONDS, "endpoint"), "{{endpoint}}"),),
        unit="s",
        alert="HighLatencyP99",
    ),
    Panel(
        "Rows of the model",
        "Rows that the model predicts a second, and those of a call on average.",
        (
            (rate(metrics.INFERENCE_ROWS, suffix="_sum"), "rows a second"),
            (mean(metrics.INFERENCE_ROWS), "rows of a call"),
        ),
        alert="EventLoopLag",
    ),
    Panel(
        "Coherence",
        "Largest relative difference of a level from the total. Anything but rounding is a fault.",
        ((highest(metrics.RECONCILIATION_RESIDUAL), "difference"),),
        unit="percentunit",
        alert="IncoherentForecasts",
        limit=Limit(">"),
    ),
    Panel(
        "Negative forecasts",
        "Forecasts of series that were set to zero, a second. A jump points to the data.",
        ((rate(metrics.RECONCILIATION_CLIPPED), "set to zero"),),
        unit="ops",
        runbook="data-anomaly.md",
    ),
    Panel(
        "Missing covariates",
        "Share of the days ahead on which a covariate is not known.",
        ((highest(metrics.MISSING_COVARIATES, "covariate"), "{{covariate}}"),),
        unit="percentunit",
        runbook="data-anomaly.md",
    ),
    Panel(
        "Trial of a release",
        "Answers during a trial by who gave them, and repeated requests of a shadow. Empty "
        "without a trial.",
        (
            (rate(metrics.TRIAL_ANSWERS, "role", "outcome"), "{{role}}, {{outcome}}"),
            (rate(metrics.TRIAL_REPEATED, "outcome"), "repeated, {{outcome}}"),
        ),
        unit="ops",
        runbook="rollback.md",
    ),
    Panel(
        "Share of the release in trial",
        "Share of the callers that it answers; 0 is a shadow, -1 one that is no longer in trial.",
        ((highest(metrics.TRIAL_SHARE, "version", "stage"), "{{version}}, {{stage}}"),),
        unit="percentunit",
        runbook="rollback.md",
        lowest=None,
    ),
    Panel(
        "Recorded predictions",
        "Predictions that were recorded for feedback, and that were not, by reason.",
        (
            (rate(metrics.FEEDBACK_RECORDED), "recorded"),
            (rate(metrics.FEEDBACK_DROPPED, "reason"), "dropped: {{reason}}"),
        ),
        unit="ops",
        alert="FeedbackDropped",
    ),
)
