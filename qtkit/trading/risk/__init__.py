"""One judgement before any order leaves: rules, the judge, and the permit that it alone makes."""
