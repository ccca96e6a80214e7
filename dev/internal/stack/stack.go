// Package stack runs everything that callvault talks to in this process:
// Temporal with its Web UI, an S3 store and the SmartAssist simulator.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/callvault/callvault/dev/internal/datadir"
	"github.com/callvault/callvault/dev/internal/objectstore"
	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/temporalserver"
	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/simulator"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

// What the servers are called and protected with. They listen on 127.0.0.1
// alone, and hold made-up calls.
const (
	Namespace = "default"
	Bucket    = "recordings"
	Region    = "us-east-1"

	accessKey = "callvault-dev"
	secretKey = "callvault-dev-secret" //nolint:gosec // made up, for a server on 127.0.0.1

	// upstreamPort is the simulator's port if it is free.
	upstreamPort = 8443

	readHeaderTimeout = 10 * time.Second
)

// Options say where the data is stored and how the simulator behaves.
type Options struct {
	// Data is the data folder. Required.
	Data *datadir.Dir
	// Upstream configures the simulator. Defaults to one bot with the vendor's
	// usual limits and "Enforce JTI" off.
	Upstream simulator.Config
	// TemporalPort, UIPort, StorePort and UpstreamPort default to the usual ones,
	// or free ones where those are taken; ports.Any takes any.
	TemporalPort, UIPort, StorePort, UpstreamPort int
}

// Stack is the running servers.
type Stack struct {
	Temporal *temporalserver.Server
	Store    *objectstore.Store
	Upstream *simulator.Simulator

	upstreamURL *url.URL
	logKey      *daylog.Key
	logKeyFile  string
	stops       []func() error
}

// Start starts the servers. The caller stops them.
func Start(ctx context.Context, options Options) (_ *Stack, err error) {
	s := new(Stack)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err := s.openLogKey(options.Data); err != nil {
		return nil, err
	}
	// The store first: it moves the process into its folder, and every path
	// after it is absolute.
	if s.Store, err = objectstore.Start(ctx, objectstore.Options{
		Dir:         filepath.Join(options.Data.Store(), "buckets"),
		VersionsDir: filepath.Join(options.Data.Store(), "versions"),
		MetadataDir: filepath.Join(options.Data.Store(), "metadata"),
		AccessKey:   accessKey,
		SecretKey:   secretKey,
		Region:      Region,
		Port:        options.StorePort,
	}); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, s.Store.Stop)
	if s.Temporal, err = temporalserver.Start(ctx, temporalserver.Options{
		DataDir:      options.Data.Temporal(),
		Namespace:    Namespace,
		FrontendPort: options.TemporalPort,
		UIPort:       options.UIPort,
		LogFile:      filepath.Join(options.Data.Logs(), "temporal-server.log"),
	}); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, s.Temporal.Stop)
	return s, s.startUpstream(options)
}

func (s *Stack) startUpstream(options Options) error {
	upstream, err := simulator.New(options.Upstream)
	if err != nil {
		return err
	}
	port := options.UpstreamPort
	if port == 0 {
		port = upstreamPort
	}
	reserved, err := ports.Reserve(port)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: upstream, ReadHeaderTimeout: readHeaderTimeout}
	go func() { _ = server.Serve(reserved.Listener()) }() // It ends with Stop.
	s.Upstream = upstream
	s.upstreamURL = &url.URL{Scheme: "http", Host: reserved.Address()}
	s.stops = append(s.stops, func() error { return errors.Join(upstream.Close(), server.Close()) })
	return nil
}

// Stop stops the servers, the last one started first.
func (s *Stack) Stop() error {
	var errs []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		errs = append(errs, s.stops[i]())
	}
	s.stops = nil
	return errors.Join(errs...)
}

// Failed waits until ctx ends and returns nil, or returns the error of a server
// that ended by itself.
func (s *Stack) Failed(ctx context.Context) error {
	select {
	case err := <-s.Temporal.Failed():
		return fmt.Errorf("the Temporal server ended: %w", err)
	case err := <-s.Store.Failed():
		return fmt.Errorf("the object store ended: %w", err)
	case <-ctx.Done():
		return nil
	}
}

// Credentials are the store's.
func (s *Stack) Credentials() *credentials.Credentials {
	return credentials.NewStaticV4(accessKey, secretKey, "")
}

// Settings are what a worker in this process is configured with.
func (s *Stack) Settings() (*config.Config, error) {
	endpoint, err := url.Parse(s.Store.Endpoint())
	if err != nil {
		return nil, fmt.Errorf("the object store's address: %w", err)
	}
	upstream := s.Upstream.Config()
	windows := []workflows.CallWindow{{Calls: upstream.CallsPerMinute, Span: time.Minute}}
	if upstream.CallsPerHour != simulator.Unlimited {
		windows = append(windows, workflows.CallWindow{Calls: upstream.CallsPerHour, Span: time.Hour})
	}
	return &config.Config{
		Accounts: []account.Settings{{
			Name:        "dev",
			API:         s.upstreamURL,
			BotIDs:      upstream.BotIDs,
			Credentials: smartassist.Credentials{ClientID: upstream.ClientID, Key: secret.Value(upstream.ClientSecret)},

			VendorAccountID: upstream.AccountID,
			LogKey:          s.logKey,
			Budget:          account.Budget{Windows: windows},
			Archive:         archive.Config{Endpoint: endpoint, Bucket: Bucket, Region: Region, Credentials: s.Credentials()},
		}},
	}, nil
}
