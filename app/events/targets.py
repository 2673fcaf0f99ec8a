"""The targets of events that the settings name."""

from __future__ import annotations

from app.events.kafka import KafkaTopic, parse_options
from app.events.target import Target
from config.settings import Settings
from config.values import webhook_keys


def targets_of(settings: Settings) -> list[Target]:
    """Return the targets of events; none if no setting names one."""
    targets: list[Target] = []
    url, secret = settings.events_webhook_url, settings.events_webhook_secret
    if url is not None and secret is not None:
        from app.events.webhook import Webhook  # its library takes memory of a worker

        keys = webhook_keys(secret.get_secret_value())
        targets.append(Webhook(url.get_secret_value(), keys, settings.events_source))
    if settings.kafka_bootstrap_servers is not None:
        options = settings.kafka_options
        targets.append(
            KafkaTopic(
                settings.kafka_bootstrap_servers,
                settings.events_kafka_topic,
                {} if options is None else parse_options(options.get_secret_value()),
                settings.events_source,
            )
        )
    return targets
