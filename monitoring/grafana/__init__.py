"""The alerts as Grafana's own: `python -m monitoring.grafana` prints what monitoring/grafana/alerting.yaml holds."""
