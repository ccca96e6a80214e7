// Package objectstore runs a real S3 store inside this process: buckets are
// folders and objects plain files that a person can open. It is for trying out
// and for tests: one account, loopback only, plain HTTP.
//
// # The working folder
//
// The store reaches its files relative to the process's working folder, which
// [Start] therefore moves to the root folder, where it stays until [Store.Stop].
// Whoever starts a store resolves relative paths before, or against
// [Store.PreviousDir].
//
// # Where it differs from Amazon's
//
// Keys are paths: "a" and "a/b" cannot both be objects, and no segment may exceed
// 255 bytes. Server-side encryption headers are accepted and ignored.
package objectstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"

	"github.com/callvault/callvault/dev/internal/ports"
)

const (
	// maxConnections and maxRequests bound what the store serves at a time; beyond
	// it answers 503 SlowDown.
	maxConnections = 1024
	maxRequests    = 512
	// maxParts is S3's own limit for a multipart upload.
	maxParts = 10000

	// startTimeout bounds a start, which takes some milliseconds.
	startTimeout = 30 * time.Second
	// stopTimeout bounds a stop with requests in flight; the gateway itself gives
	// them ten seconds.
	stopTimeout = 15 * time.Second
	// idleGrace bounds a stop without any. The gateway waits ten seconds too when a
	// client has opened a connection and never used it, as Go's own clients do.
	idleGrace = time.Second
	// portAttempts bounds the tries for a free port.
	portAttempts = 5
)

// Store is a running S3 store. Its methods may be called concurrently.
type Store struct {
	endpoint    string
	dir         string
	previousDir string

	cancel   context.CancelFunc
	inFlight atomic.Int64
	ended    chan struct{} // closed when the gateway has ended
	err      error         // why it ended; read after ended
	failed   chan error

	stopOnce sync.Once
	stopErr  error
}

// Start starts the store and returns when it accepts requests. ctx bounds the
// start only; the store runs until [Store.Stop]. A process has one store at a
// time; a second one is refused.
//
// Start moves the process's working folder, see above, and replaces os.Stdout
// for an instant: call it while no other goroutine prints.
func Start(ctx context.Context, options Options) (*Store, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := turn.take(ctx); err != nil {
		return nil, err
	}
	s, err := start(ctx, o)
	if err != nil {
		turn.giveBack()
		return nil, err
	}
	return s, nil
}

func start(ctx context.Context, o Options) (*Store, error) {
	previous, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("object store: working folder: %w", err)
	}
	for attempt := 1; ; attempt++ {
		s, err := serve(ctx, o)
		if err == nil {
			s.previousDir = previous
			return s, nil
		}
		// Somebody took the port between the look and the use.
		if !ports.Taken(err) || attempt == portAttempts {
			return nil, errors.Join(err, os.Chdir(previous))
		}
	}
}

// serve opens the backend anew each time: the gateway closes it when it ends.
func serve(ctx context.Context, o Options) (*Store, error) {
	be, err := openBackend(o)
	if err != nil {
		return nil, err
	}
	held, err := ports.Reserve(o.Port)
	if err != nil {
		be.Shutdown()
		return nil, fmt.Errorf("object store: %w", err)
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{
		endpoint: "http://" + held.Address(),
		dir:      o.Dir,
		cancel:   cancel,
		ended:    make(chan struct{}),
		failed:   make(chan error, 1),
	}
	listening := make(chan struct{})
	config := gatewayConfig(o, held.Address(),
		s3api.WithOnListen(func() { close(listening) }),
		s3api.WithMiddleware("/", s.count))
	held.Release()
	go s.run(serving, be, config)

	select {
	case <-listening:
		return s, nil
	case <-s.ended:
		cancel()
		return nil, fmt.Errorf("object store: cannot start: %w", s.err)
	case <-ctx.Done():
		cancel()
		return nil, fmt.Errorf("object store: start was given up: %w", ctx.Err())
	}
}

func (s *Store) run(ctx context.Context, be backend.Backend, config *embedgw.Config) {
	defer close(s.ended)
	s.err = embedgw.RunVersityGW(ctx, be, config)
	if ctx.Err() != nil {
		return
	}
	if s.err == nil {
		s.err = errors.New("ended by itself")
	}
	s.failed <- fmt.Errorf("object store: %w", s.err)
}

func gatewayConfig(o Options, address string, extra ...s3api.Option) *embedgw.Config {
	return &embedgw.Config{
		RootUserAccess: o.AccessKey,
		RootUserSecret: o.SecretKey,
		// The same single account as without it, but that is announced on the
		// standard output.
		IAMService: auth.NewIAMServiceSingle(auth.Account{
			Access: o.AccessKey,
			Secret: o.SecretKey,
			Role:   auth.RoleAdmin,
		}),
		Region:            o.Region,
		Ports:             []string{address},
		MaxConnections:    maxConnections,
		MaxRequests:       maxRequests,
		MultipartMaxParts: maxParts,
		KeepAlive:         true,
		Quiet:             true,
		S3Options:         extra,
	}
}

// Endpoint returns the store's URL, "http://127.0.0.1:9000".
func (s *Store) Endpoint() string { return s.endpoint }

// Path returns the file that holds an object, whether there is such an object or
// not. A key cannot lead out of its bucket.
func (s *Store) Path(bucket, key string) string {
	root := string(filepath.Separator)
	return filepath.Join(s.dir,
		filepath.Join(root, filepath.FromSlash(bucket)),
		filepath.Join(root, filepath.FromSlash(key)))
}

// PreviousDir returns the process's working folder before the start, to resolve
// relative paths against.
func (s *Store) PreviousDir() string { return s.previousDir }

// Failed receives one error if the store ends before Stop.
func (s *Store) Failed() <-chan error { return s.failed }

// Stop ends the store and moves the process back to where it was. Requests in
// flight have ten seconds to end. Where a client leaves a connection open and
// unused, Stop returns after a second, and the rest happens within ten. Further
// calls return what the first did.
func (s *Store) Stop() error {
	s.stopOnce.Do(func() { s.stopErr = s.stop() })
	return s.stopErr
}

func (s *Store) stop() error {
	turn.ending()
	s.cancel()
	left := make(chan error, 1)
	go func() {
		<-s.ended
		// Not before: the gateway's paths are relative to the folder.
		err := os.Chdir(s.previousDir)
		turn.giveBack()
		left <- err
	}()

	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	idle := time.NewTimer(idleGrace)
	defer idle.Stop()
	for {
		select {
		case err := <-left:
			if err != nil {
				return fmt.Errorf("object store: working folder: %w", err)
			}
			return nil
		case <-idle.C:
			if s.inFlight.Load() == 0 {
				return nil
			}
			idle.Reset(idleGrace)
		case <-timeout.C:
			return fmt.Errorf("object store: did not stop within %s", stopTimeout)
		}
	}
}

// count is the gateway's middleware that knows of requests in flight.
func (s *Store) count(c fiber.Ctx) error {
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	return c.Next()
}
