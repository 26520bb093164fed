"""The Grafana dashboard as code: `python -m monitoring.dashboard` prints what monitoring/dashboard.json holds.

Plain standard library. `queries` has the PromQL, `grafana` the JSON of a panel, `rows` which panels there are,
`frame` what stands around them.
"""
