package bench_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/callvault/callvault/dev/internal/countingproxy"
	"github.com/stretchr/testify/require"
)

// BenchmarkTransferRequests counts the requests that the store receives for one small
// recording, from the start of its fetch to its manifest.
func BenchmarkTransferRequests(b *testing.B) {
	for _, kind := range storeKinds() {
		b.Run(kind.name, func(b *testing.B) {
			proxy := countingproxy.Start(b, kind.start(b).endpoint)
			s := newUnlimitedSite(b, accountOf{name: "bench", bots: []string{bot}, endpoint: proxy.URL})
			s.startWorkers(1)
			s.archiveAll(1) // The first one also prepares what the others use.
			proxy.Taken()
			s.archiveAll(1)
			requests := proxy.Taken()
			require.NotEmpty(b, requests)
			b.Log("requests: ", requests)
			count := func(counted func(operation string) bool) float64 {
				return float64(len(slices.DeleteFunc(slices.Clone(requests), func(operation string) bool { return !counted(operation) })))
			}
			report(b, "PUT, POST, COPY and LIST", count(countingproxy.IsExpensive), "<= 2")
			report(b, "GET and HEAD", count(func(operation string) bool { return operation == http.MethodGet || operation == http.MethodHead }), "<= 2")
			report(b, "requests", float64(len(requests)), "")
			b.ReportMetric(0, "ns/op")
		})
	}
}
