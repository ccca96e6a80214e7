package temporalserver

import (
	"maps"
	"slices"
	"time"

	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"

	"github.com/callvault/callvault/dev/internal/ports"
)

const (
	clusterName = "active"
	// clusterID is written into the database at the first start; with another one
	// later the server complains and goes on with the old one.
	clusterID = "callvault-dev"

	storeName    = "sqlite"
	archivalOff  = "disabled"
	joinDuration = 30 * time.Second
)

// serverConfig is one cluster of one node on the loopback address: no metrics,
// no profiling, no archival and no HTTP API, hence no ports beyond the four.
func serverConfig(sql *config.SQL, held *reservations) *config.Config {
	var c config.Config
	c.Global.Membership.MaxJoinDuration = joinDuration
	c.Global.Membership.BroadcastAddress = ports.Loopback

	c.Persistence.DefaultStore = storeName
	c.Persistence.VisibilityStore = storeName
	c.Persistence.NumHistoryShards = 1
	c.Persistence.DataStores = map[string]config.DataStore{storeName: {SQL: sql}}

	c.ClusterMetadata = &cluster.Config{
		FailoverVersionIncrement: 10,
		MasterClusterName:        clusterName,
		CurrentClusterName:       clusterName,
		ClusterInformation: map[string]cluster.ClusterInformation{
			clusterName: {
				Enabled:                true,
				InitialFailoverVersion: 1,
				RPCAddress:             held.frontend.Address(),
				ClusterID:              clusterID,
			},
		},
	}
	c.DCRedirectionPolicy.Policy = "noop"
	c.Archival.History.State = archivalOff
	c.Archival.Visibility.State = archivalOff
	c.NamespaceDefaults.Archival.History.State = archivalOff
	c.NamespaceDefaults.Archival.Visibility.State = archivalOff

	c.PublicClient.HostPort = held.frontend.Address()
	c.Services = make(map[string]config.Service)
	for service, port := range held.byService() {
		c.Services[string(service)] = config.Service{
			RPC: config.RPC{GRPCPort: port.Port(), BindOnIP: ports.Loopback},
		}
	}
	return &c
}

// staticHosts spares the server its gossip: everybody is here.
func staticHosts(held *reservations) map[primitives.ServiceName]static.Hosts {
	hosts := make(map[primitives.ServiceName]static.Hosts)
	for service, port := range held.byService() {
		hosts[service] = static.SingleLocalHost(port.Address())
	}
	return hosts
}

// dynamicConfig is the server's own, less whatever suits many machines, plus
// what the caller wants.
func dynamicConfig(extra map[string]any) dynamicconfig.StaticClient {
	c := dynamicconfig.StaticClient{
		// Asks a server of Temporal's for newer versions otherwise.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
		// Sized for a fleet; one developer's workflows fit in much less.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8192,
		// Its default of 10 a second is soon spent by a test that awaits something.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
		// A queue's rate limit is divided among its partitions. With one it is exact.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
	}
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		c[dynamicconfig.MakeKey(key)] = extra[key]
	}
	return c
}
