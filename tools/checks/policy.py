"""Check rendered manifests against the project's rules.

kubectl kustomize deploy/kubernetes/overlays/production | python -m tools.checks.policy
python -m tools.checks.policy             # every overlay, and every component on production
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from tools.checks import network_rules, pod_rules, reference_rules, setting_rules
from tools.checks.findings import Finding, Rule
from tools.checks.manifests import (
    OVERLAYS,
    Manifests,
    components,
    overlays,
    read,
    render,
    render_with_components,
)

RULES: tuple[Rule, ...] = (
    *(pod_rules.restricted_profile, pod_rules.resources, pod_rules.images),
    *(pod_rules.probes, pod_rules.draining),
    *(reference_rules.selectors, reference_rules.ports, reference_rules.names),
    *(reference_rules.scaling, reference_rules.schedules),
    *(network_rules.default_deny, network_rules.coverage),
    *(network_rules.openings, network_rules.needs),
    *(setting_rules.known_variables, setting_rules.valid_settings, setting_rules.no_secrets),
)


def findings(manifests: Manifests) -> list[Finding]:
    """Return the violations of all rules."""
    return [finding for rule in RULES for finding in rule(manifests)]


def renderings() -> Iterator[tuple[str, str]]:
    """Yield each supported combination of overlay and components: its name and its YAML."""
    for name in overlays():
        yield name, render(OVERLAYS / name)
    yield "production with every component", render_with_components("production", components())


def main() -> int:
    """Print the findings; return 1 if there are any."""
    files = [(name, Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    failed = 0
    for name, text in files or renderings():
        violations = findings(read(text))
        failed += len(violations)
        print(f"{name}: {len(violations) or 'no'} findings")
        for finding in violations:
            print(f"  {finding}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
