package observability

import (
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/callvault/callvault/deploy"
)

// Dashboard is a dashboard in the form that every Grafana reads from a file. Its successor is for Grafana 12 and later.
type Dashboard = dashboard.Dashboard //nolint:staticcheck // Grafana 11 does not read its successor.

// ReadDashboard reads the dashboard. A key that Grafana's schema does not have, of the
// dashboard, a panel, its options or a query, is an error.
func ReadDashboard() (*Dashboard, error) {
	content, err := deploy.Files.ReadFile(dashboardFile)
	if err != nil {
		return nil, err
	}
	registerSchemas()
	// Without a fault it returns an error without a text, and leaves the panels out.
	if err := new(Dashboard).UnmarshalJSONStrict(content); err != nil && err.Error() != "" {
		return nil, fmt.Errorf("%s: %w", dashboardFile, err)
	}
	read := new(Dashboard)
	return read, json.Unmarshal(content, read)
}

// registerSchemas has the options of the kinds of panels and queries read that the dashboard uses. Those of another
// kind would be read without a schema.
func registerSchemas() {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(bargauge.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
}

// Panels returns the panels of a dashboard, without its rows.
func Panels(d *Dashboard) []dashboard.Panel {
	var panels []dashboard.Panel
	for _, entry := range d.Panels {
		if entry.Panel != nil {
			panels = append(panels, *entry.Panel)
		}
		if entry.RowPanel != nil {
			panels = append(panels, entry.RowPanel.Panels...)
		}
	}
	return panels
}

// Queries returns the queries of a panel to Prometheus.
func Queries(panel dashboard.Panel) []*prometheus.Dataquery {
	var queries []*prometheus.Dataquery
	for _, target := range panel.Targets {
		if query, ok := target.(*prometheus.Dataquery); ok {
			queries = append(queries, query)
		}
	}
	return queries
}
