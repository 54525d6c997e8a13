"""The composition root: the only room that constructs adapters, engines and workflows, and hands them to each other."""

from hublish.bootstrap.doctor import Check
from hublish.bootstrap.records import Records, open_records
from hublish.bootstrap.service import Service, make_service, run_service
from hublish.bootstrap.workbench import Workbench, WorkbenchOptions, open_workbench

__all__ = [
    "Check",
    "Records",
    "Service",
    "Workbench",
    "WorkbenchOptions",
    "make_service",
    "open_records",
    "open_workbench",
    "run_service",
]
