"""Our own engine as a target of the checklist."""
