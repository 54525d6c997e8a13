"""The composition root: the only room that constructs adapters, engines and workflows, and hands them to each other.

`workbench` builds folders, `service` serves, `records` reads what the service stored, `doctor` checks. Nothing is imported
here: the service pulls in a web framework, a database and a workflow engine, none of which a build of a folder waits for.
"""
