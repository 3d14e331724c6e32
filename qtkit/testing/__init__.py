"""What tests of strategies and engines need: strategies by script, bars and clocks by hand."""

from qtkit.testing.clocks import SettableClock
from qtkit.testing.prices import hand_made_bars, hand_made_data
from qtkit.testing.strategies import ScriptedStrategy, scripted_spec

__all__ = ["ScriptedStrategy", "SettableClock", "hand_made_bars", "hand_made_data", "scripted_spec"]
