package observability_test

import (
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/observability"
)

func TestDashboardFitsGrafanasSchemaAndExplainsEachPanel(t *testing.T) {
	read, err := observability.ReadDashboard()
	require.NoError(t, err)
	require.Equal(t, "30s", *read.Refresh)
	ids, titles := make(map[uint32]bool), make(map[string]bool)
	panels := observability.Panels(read)
	require.NotEmpty(t, panels)
	for _, panel := range panels {
		title := *panel.Title
		_, known := cog.NewRuntime().ConfigForPanelcfgVariant(panel.Type)
		require.True(t, known, "%s: the schema of a panel %q is not registered", title, panel.Type)
		require.False(t, ids[*panel.Id], "%s: its id is another panel's too", title)
		require.False(t, titles[title], "%s: its title is another panel's too", title)
		ids[*panel.Id], titles[title] = true, true
		require.NotEmpty(t, panel.Description, title)
		require.NotEmpty(t, panel.FieldConfig.Defaults.Unit, title)
		require.NotEmpty(t, observability.Queries(panel), title)
		require.Len(t, observability.Queries(panel), len(panel.Targets), title)
		for _, query := range observability.Queries(panel) {
			require.Equal(t, "${datasource}", *query.Datasource.Uid, title)
		}
	}
}

func TestPanelsOfTheDashboardDoNotOverlap(t *testing.T) {
	read, err := observability.ReadDashboard()
	require.NoError(t, err)
	taken := make(map[[2]uint32]string)
	for _, panel := range observability.Panels(read) {
		at := panel.GridPos
		require.LessOrEqual(t, at.X+at.W, uint32(24), *panel.Title)
		for x := at.X; x < at.X+at.W; x++ {
			for y := at.Y; y < at.Y+at.H; y++ {
				require.Empty(t, taken[[2]uint32{x, y}], *panel.Title)
				taken[[2]uint32{x, y}] = *panel.Title
			}
		}
	}
}
