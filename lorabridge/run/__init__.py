"""Stages as processes: prepare, launch, supervise, record, show, judge, report.

Data flows one way. `prepare` turns a config into a run folder; `start` gives it a supervisor (`supervise`: a warden and the process that
it guards), which runs the `job` through `launch` and `process`. Each event goes through `record` to the event log; the `view`, the displays
(`attach` shows a run from outside), the watchdogs (`guard`) and the verdict read events. Requests come to the `desk`. `state` tells where a
run stands, `settle` makes that true when the supervisor is gone. `leases` and `gpus` keep runs off each other's GPUs; `report`
and `curve` read what was recorded. What is not portable is in `system` and `process`.
"""
