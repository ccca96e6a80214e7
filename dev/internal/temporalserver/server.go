// Package temporalserver runs a real Temporal server with its Web UI inside this
// process, on one SQLite file. It is for local development and tests: one node,
// loopback only, no authentication.
package temporalserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/temporal"
)

const (
	// startTimeout limits a start, which normally takes one or two seconds.
	startTimeout = time.Minute
	// stopTimeout limits a stop, which takes about a second. The server's own limit
	// is five minutes, too long to wait after Ctrl-C.
	stopTimeout = 15 * time.Second
	// portAttempts limits the attempts to open five free ports.
	portAttempts = 5
)

// Server is a running Temporal server. Its methods may be called concurrently.
type Server struct {
	server  temporal.Server
	ui      *uiserver.Server
	address string
	uiURL   string
	log     *logFile // nil if Options.Logger is set
	failure *failure

	stopOnce sync.Once
	stopErr  error
}

// Start starts the server and its Web UI and returns when both respond and the
// namespace is served. The start is limited by ctx and to one minute; the server
// runs until [Server.Stop].
//
// The data survive any end of the process: a later Start on the same DataDir
// continues every open workflow and timer.
func Start(ctx context.Context, options Options) (*Server, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	sql, err := openDatabase(o.DataDir, o.Namespace, o.Retention)
	if err != nil {
		return nil, err
	}
	s := &Server{}
	handler := o.Logger
	if handler == nil {
		if s.log, err = openLogFile(o.LogFile, maxLogBytes); err != nil {
			return nil, err
		}
		handler = slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelError}))
	}
	if err := s.start(ctx, o, sql, handler); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options, sql *config.SQL, log *slog.Logger) error {
	for attempt := 1; ; attempt++ {
		reserved, err := reservePorts(o.FrontendPort)
		if err != nil {
			return err
		}
		err = s.startServices(ctx, o, sql, log, reserved)
		if err == nil {
			break
		}
		// Another process may take a port between its release and its use. The next
		// attempt reserves new ports.
		var fatal *fatalError
		if !errors.As(err, &fatal) || !fatal.portInUse() || attempt == portAttempts {
			return err
		}
	}
	if err := awaitNamespace(ctx, s.address, o.Namespace, o.Retention); err != nil {
		return err
	}
	var err error
	s.ui, s.uiURL, err = startUI(ctx, s.address, o.Namespace, o.UIPort)
	return err
}

func (s *Server) startServices(ctx context.Context, o Options, sql *config.SQL, log *slog.Logger, reserved *reservations) error {
	failed := newFailure()
	serverLog := &logger{slog: log, failure: failed}
	options := []temporal.ServerOption{
		temporal.WithConfig(serverConfig(sql, reserved)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(staticHosts(reserved)),
		temporal.WithLogger(serverLog),
		temporal.WithNamespaceLogger(serverLog),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(dynamicConfig(o.DynamicConfig)),
	}

	// In a separate goroutine, because a fatal error ends it.
	started := make(chan error)
	var server temporal.Server
	reserved.release()
	go func() {
		defer failed.recoverFatal()
		var err error
		if server, err = temporal.NewServer(options...); err == nil {
			err = server.Start()
		}
		select {
		case started <- err:
		case <-ctx.Done():
			// The caller has stopped waiting.
			if err == nil {
				_ = server.Stop()
			}
		}
	}()
	select {
	case err := <-started:
		if err != nil {
			return fmt.Errorf("temporal server: cannot start: %w", err)
		}
		s.server, s.address, s.failure = server, reserved.frontend.Address(), failed
		return nil
	case err := <-failed.c:
		return err
	case <-ctx.Done():
		return fmt.Errorf("temporal server: start was aborted: %w", ctx.Err())
	}
}

// Address returns the frontend's host and port, for example "127.0.0.1:7233".
func (s *Server) Address() string { return s.address }

// UIURL returns the Web UI's URL, for example "http://127.0.0.1:8233".
func (s *Server) UIURL() string { return s.uiURL }

// Failed returns a channel that receives one error if the server fails for good;
// the caller should then stop it. A standalone server would have ended its process.
func (s *Server) Failed() <-chan error { return s.failure.c }

// Stop stops the Web UI and the server, within 15 seconds. Open workflows keep
// their state. The server's SQLite driver keeps the file open, unused, until the
// process ends. Further calls return the first call's result.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() { s.stopErr = s.stop() })
	return s.stopErr
}

func (s *Server) stop() error {
	if s.log != nil {
		defer s.log.Close()
	}
	if s.ui != nil {
		s.ui.Stop()
	}
	if s.server == nil {
		return nil
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.server.Stop() }()
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case err := <-stopped:
		if err != nil {
			return fmt.Errorf("temporal server: stop: %w", err)
		}
		return nil
	case <-timeout.C:
		return fmt.Errorf("temporal server: did not stop within %s; its data are safe", stopTimeout)
	}
}
