"""Control panels for JupyterLab: what a session is and does, and buttons that ask it for something.

Each panel stands alone, or with the others on the desk that `desk(session)` returns. Where nobody
can press a button it shows one view in HTML, and no widget is made.
"""

from qtkit.desk.panels.book import BookPanel
from qtkit.desk.panels.charts import ChartsPanel
from qtkit.desk.panels.checklist import ChecklistPanel
from qtkit.desk.panels.control import ControlDesk, desk
from qtkit.desk.panels.health import HealthPanel
from qtkit.desk.panels.journal import JournalPanel
from qtkit.desk.panels.operations import OperationsPanel
from qtkit.desk.panels.panel import Panel
from qtkit.desk.panels.risk import RiskPanel
from qtkit.desk.panels.runs import RunsPanel
from qtkit.desk.panels.schedule import SchedulePanel
from qtkit.desk.panels.session import SessionPanel
from qtkit.desk.panels.session_watch import Watch

__all__ = [
    "BookPanel",
    "ChartsPanel",
    "ChecklistPanel",
    "ControlDesk",
    "HealthPanel",
    "JournalPanel",
    "OperationsPanel",
    "Panel",
    "RiskPanel",
    "RunsPanel",
    "SchedulePanel",
    "SessionPanel",
    "Watch",
    "desk",
]
