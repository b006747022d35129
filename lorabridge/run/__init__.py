"""Stages as processes: prepare, launch, record, show, judge, report.

Data flows one way. `prepare` turns a config into a run folder and a job; `launch` runs its stages
through `process`; each event goes through `record` to the event log, the `view` and the display;
`verdict` judges the end. `report` and `curve` read what was recorded.
"""
