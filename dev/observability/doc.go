// Package observability reads what operators watch callvault with: the alerts in deploy/prometheus and the
// dashboard in deploy/grafana. Its tests let every alert fire, and hold the dashboard to Grafana's schema; dev/e2e
// compares the metrics that both name with those of a running worker.
package observability
