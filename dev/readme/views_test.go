package readme_test

import (
	"context"
	"net/url"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/temporalserver"
	"github.com/callvault/callvault/internal/searchattr"
)

// viewQueries returns the queries of the links to the Web UI in the documents, and those of
// their commands, by their text.
func viewQueries(t *testing.T) map[string]bool {
	t.Helper()
	found := make(map[string]bool)
	for _, name := range []string{"../../README.md", "../../docs/web-ui.md"} {
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`\]\((http://localhost:8233/[^)]+)\)`).FindAllStringSubmatch(string(content), -1) {
			link, err := url.Parse(match[1])
			require.NoError(t, err)
			require.Equal(t, "/namespaces/default/workflows", link.Path)
			found[link.Query().Get("query")] = true
		}
		for _, match := range regexp.MustCompile(`workflow list +--query "([^"]+)"`).FindAllStringSubmatch(string(content), -1) {
			found[match[1]] = true
		}
	}
	return found
}

// A server refuses a query that it does not understand, or that names an attribute that is
// not registered.
func TestEveryViewIsOneThatTheServerTakes(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	queries := viewQueries(t)
	require.GreaterOrEqual(t, len(queries), 9)
	server, err := temporalserver.Start(ctx, temporalserver.Options{DataDir: t.TempDir(), Namespace: "default", FrontendPort: ports.Any, UIPort: ports.Any})
	require.NoError(t, err)
	defer func() { require.NoError(t, server.Stop()) }()
	c, err := client.DialContext(ctx, client.Options{HostPort: server.Address(), Namespace: "default", Logger: log.NewStructuredLogger(quiet)})
	require.NoError(t, err)
	defer c.Close()
	_, err = searchattr.Register(ctx, c, "default")
	require.NoError(t, err)

	list := func(query string) error {
		_, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Namespace: "default", Query: query})
		return err
	}
	require.Error(t, list("CallvaultNothing = 'x'"), "it refuses what it does not know")
	for query := range queries {
		require.NoError(t, list(query), query)
	}
}
