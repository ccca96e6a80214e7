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
	// clusterID is written into the database at the first start. If it changes later,
	// the server logs the mismatch and keeps the old one.
	clusterID = "callvault-dev"

	storeName    = "sqlite"
	archivalOff  = "disabled"
	joinDuration = 30 * time.Second
)

// serverConfig returns the configuration of one cluster with one node on the
// loopback address. Metrics, profiling and archival are off, so the server
// opens only the five reserved ports.
func serverConfig(sql *config.SQL, reserved *reservations) *config.Config {
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
				RPCAddress:             reserved.frontend.Address(),
				ClusterID:              clusterID,
			},
		},
	}
	c.DCRedirectionPolicy.Policy = "noop"
	c.Archival.History.State = archivalOff
	c.Archival.Visibility.State = archivalOff
	c.NamespaceDefaults.Archival.History.State = archivalOff
	c.NamespaceDefaults.Archival.Visibility.State = archivalOff

	c.PublicClient.HostPort = reserved.frontend.Address()
	c.Services = make(map[string]config.Service)
	for service, port := range reserved.byService() {
		rpc := config.RPC{GRPCPort: port.Port(), BindOnIP: ports.Loopback}
		if service == primitives.FrontendService {
			rpc.HTTPPort = reserved.http.Port()
		}
		c.Services[string(service)] = config.Service{RPC: rpc}
	}
	return &c
}

// staticHosts returns the addresses of all services, so that the server needs no
// gossip to find them.
func staticHosts(reserved *reservations) map[primitives.ServiceName]static.Hosts {
	hosts := make(map[primitives.ServiceName]static.Hosts)
	for service, port := range reserved.byService() {
		hosts[service] = static.SingleLocalHost(port.Address())
	}
	return hosts
}

// dynamicConfig overrides the server's defaults that suit many machines, and adds
// the caller's values.
func dynamicConfig(extra map[string]any) dynamicconfig.StaticClient {
	c := dynamicconfig.StaticClient{
		// Otherwise the server asks Temporal over the internet for newer versions.
		dynamicconfig.EnableServerVersionCheck.Key(): false,
		// The default is sized for a fleet; one developer's workflows need much less.
		dynamicconfig.HistoryCacheHostLevelMaxSize.Key(): 8192,
		// A test that polls quickly exceeds the default of 10 per second.
		dynamicconfig.FrontendMaxNamespaceVisibilityRPSPerInstance.Key(): 100,
		// A queue's rate limit is divided among its partitions. With one partition it is
		// exact.
		dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  1,
		dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): 1,
	}
	for _, key := range slices.Sorted(maps.Keys(extra)) {
		c[dynamicconfig.MakeKey(key)] = extra[key]
	}
	return c
}
