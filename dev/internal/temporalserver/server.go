// Package temporalserver runs a real Temporal server with its Web UI inside this
// process, on one SQLite file. It is for trying out and for tests: one node,
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
	// startTimeout bounds a start; one takes a second or two.
	startTimeout = time.Minute
	// stopTimeout bounds a stop, which takes about a second. The server's own bound
	// is five minutes, longer than anybody waits for a Ctrl-C.
	stopTimeout = 15 * time.Second
	// portAttempts bounds the tries for four free ports.
	portAttempts = 5
)

// Server is a running Temporal server. Its methods may be called concurrently.
type Server struct {
	server  temporal.Server
	ui      *uiserver.Server
	address string
	uiURL   string
	log     *logFile // nil when the caller logs
	failure *failure

	stopOnce sync.Once
	stopErr  error
}

// Start starts the server and its Web UI and returns when both answer and the
// namespace is served. ctx bounds the start only, as does one minute; the server
// runs until [Server.Stop].
//
// Data outlive the process, however it ends: a later Start on the same DataDir
// goes on with every open workflow and timer.
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
		held, err := reservePorts(o.FrontendPort)
		if err != nil {
			return err
		}
		err = s.startServices(ctx, o, sql, log, held)
		if err == nil {
			break
		}
		// Somebody took a port between the look and the use. The next ones are others.
		var fatal *fatalError
		if !errors.As(err, &fatal) || !fatal.portTaken() || attempt == portAttempts {
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

func (s *Server) startServices(ctx context.Context, o Options, sql *config.SQL, log *slog.Logger, held *reservations) error {
	failed := newFailure()
	serverLog := &logger{slog: log, failure: failed}
	options := []temporal.ServerOption{
		temporal.WithConfig(serverConfig(sql, held)),
		temporal.ForServices(temporal.DefaultServices),
		temporal.WithStaticHosts(staticHosts(held)),
		temporal.WithLogger(serverLog),
		temporal.WithNamespaceLogger(serverLog),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithClaimMapper(func(*config.Config) authorization.ClaimMapper {
			return authorization.NewNoopClaimMapper()
		}),
		temporal.WithDynamicConfigClient(dynamicConfig(o.DynamicConfig)),
	}

	// In a goroutine of its own, which a fatal error ends.
	started := make(chan error)
	var server temporal.Server
	held.release()
	go func() {
		defer failed.catch()
		var err error
		if server, err = temporal.NewServer(options...); err == nil {
			err = server.Start()
		}
		select {
		case started <- err:
		case <-ctx.Done():
			// Nobody waits any longer.
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
		s.server, s.address, s.failure = server, held.frontend.Address(), failed
		return nil
	case err := <-failed.c:
		return err
	case <-ctx.Done():
		return fmt.Errorf("temporal server: start was given up: %w", ctx.Err())
	}
}

// Address returns the frontend's host and port, "127.0.0.1:7233".
func (s *Server) Address() string { return s.address }

// UIURL returns the Web UI's address, "http://127.0.0.1:8233".
func (s *Server) UIURL() string { return s.uiURL }

// Failed receives one error when the server can no longer go on; it then ought
// to be stopped. A server on its own would have ended the process.
func (s *Server) Failed() <-chan error { return s.failure.c }

// Stop ends the Web UI and the server, within 15 seconds. Open workflows keep
// their state. The server's SQLite driver keeps the file open until the process
// ends, idle. Further calls return what the first did.
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
