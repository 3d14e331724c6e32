"""What a check may look at, gathered from a journal, a folder, or a target's scenarios."""

from qtkit.evidence.evidence import Evidence
from qtkit.evidence.scenario import (
    REFERENCE_DAY,
    Command,
    Fault,
    PowerCut,
    RotationSeen,
    RunFacts,
    Scenario,
)
from qtkit.evidence.target import Target
from qtkit.model.engine import ALL_CAPABILITIES, Capability

__all__ = [
    "ALL_CAPABILITIES",
    "REFERENCE_DAY",
    "Capability",
    "Command",
    "Evidence",
    "Fault",
    "PowerCut",
    "RotationSeen",
    "RunFacts",
    "Scenario",
    "Target",
]
