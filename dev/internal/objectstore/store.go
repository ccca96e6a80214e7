// Package objectstore runs a real S3 store inside this process: buckets are
// folders and objects are plain files that a user can open. It is for local
// development and tests: one account, loopback only, plain HTTP.
//
// # The working folder
//
// The store opens its files relative to the process's working folder. [Start]
// therefore changes it to the root folder until [Store.Stop]. Callers must resolve
// relative paths before Start, or against [Store.PreviousDir].
//
// # Differences from Amazon S3
//
// Keys are file paths: "a" and "a/b" cannot both be objects, and no path segment
// may exceed 255 bytes. Server-side encryption headers are accepted and ignored.
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
	// maxConnections and maxRequests limit concurrency. Beyond them the store
	// responds with 503 SlowDown.
	maxConnections = 1024
	maxRequests    = 512
	// maxParts is S3's own limit for a multipart upload.
	maxParts = 10000

	// startTimeout limits a start, which normally takes a few milliseconds.
	startTimeout = 30 * time.Second
	// stopTimeout limits a stop with requests in flight; the gateway itself waits
	// ten seconds for them.
	stopTimeout = 15 * time.Second
	// idleGrace limits a stop without requests in flight. The gateway would wait ten
	// seconds for connections that were opened but never used, which Go's HTTP client
	// creates.
	idleGrace = time.Second
	// portAttempts limits the attempts to open a free port.
	portAttempts = 5
)

// Store is a running S3 store. Its methods may be called concurrently.
type Store struct {
	endpoint    string
	dir         string
	previousDir string

	cancel   context.CancelFunc
	inFlight atomic.Int64
	ended    chan struct{} // closed when the gateway has stopped
	err      error         // why it stopped; read only after ended is closed
	failed   chan error

	stopOnce sync.Once
	stopErr  error
}

// Start starts the store and returns when it accepts requests. The start is
// limited by ctx and to 30 seconds; the store runs until [Store.Stop]. A process can
// run one store at a time; Start returns an error if one is running.
//
// Start changes the process's working folder (see the package comment) and briefly
// replaces os.Stdout: call it while no other goroutine prints.
func Start(ctx context.Context, options Options) (*Store, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := storeLock.acquire(ctx); err != nil {
		return nil, err
	}
	s, err := start(ctx, o)
	if err != nil {
		storeLock.release()
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
		// Another process may take the port between its release and its use.
		if !ports.Taken(err) || attempt == portAttempts {
			return nil, errors.Join(err, os.Chdir(previous))
		}
	}
}

// serve opens a new backend for each attempt: the gateway closes it when it stops.
func serve(ctx context.Context, o Options) (*Store, error) {
	be, err := openBackend(o)
	if err != nil {
		return nil, err
	}
	reserved, err := ports.Reserve(o.Port)
	if err != nil {
		be.Shutdown()
		return nil, fmt.Errorf("object store: %w", err)
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{
		endpoint: "http://" + reserved.Address(),
		dir:      o.Dir,
		cancel:   cancel,
		ended:    make(chan struct{}),
		failed:   make(chan error, 1),
	}
	listening := make(chan struct{})
	config := gatewayConfig(o, reserved.Address(),
		s3api.WithOnListen(func() { close(listening) }),
		s3api.WithMiddleware("/", s.countInFlight))
	reserved.Release()
	go s.run(serving, be, config)

	select {
	case <-listening:
		return s, nil
	case <-s.ended:
		cancel()
		return nil, fmt.Errorf("object store: cannot start: %w", s.err)
	case <-ctx.Done():
		cancel()
		return nil, fmt.Errorf("object store: start was aborted: %w", ctx.Err())
	}
}

func (s *Store) run(ctx context.Context, be backend.Backend, config *embedgw.Config) {
	defer close(s.ended)
	s.err = embedgw.RunVersityGW(ctx, be, config)
	if ctx.Err() != nil {
		return
	}
	if s.err == nil {
		s.err = errors.New("stopped unexpectedly")
	}
	s.failed <- fmt.Errorf("object store: %w", s.err)
}

func gatewayConfig(o Options, address string, extra ...s3api.Option) *embedgw.Config {
	return &embedgw.Config{
		RootUserAccess: o.AccessKey,
		RootUserSecret: o.SecretKey,
		// The default is the same single account, but the gateway prints a notice
		// about it.
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
		VirtualDomain:     o.Domain,
		Quiet:             true,
		S3Options:         extra,
	}
}

// Endpoint returns the store's URL, for example "http://127.0.0.1:9000".
func (s *Store) Endpoint() string { return s.endpoint }

// Path returns the path of an object's file, whether the object exists or not. A
// key with ".." segments stays inside its bucket.
func (s *Store) Path(bucket, key string) string {
	root := string(filepath.Separator)
	return filepath.Join(s.dir,
		filepath.Join(root, filepath.FromSlash(bucket)),
		filepath.Join(root, filepath.FromSlash(key)))
}

// PreviousDir returns the process's working folder from before [Start]. Resolve
// relative paths against it.
func (s *Store) PreviousDir() string { return s.previousDir }

// Failed returns a channel that receives one error if the store ends before
// [Store.Stop].
func (s *Store) Failed() <-chan error { return s.failed }

// Stop stops the store and restores the process's working folder. It waits up to
// ten seconds for requests in flight. If only unused connections are left open, it
// returns after one second and finishes in the background within ten. Further
// calls return the first call's result.
func (s *Store) Stop() error {
	s.stopOnce.Do(func() { s.stopErr = s.stop() })
	return s.stopErr
}

func (s *Store) stop() error {
	storeLock.markStopping()
	s.cancel()
	restored := make(chan error, 1)
	go func() {
		<-s.ended
		// Only now: the gateway's paths are relative to the working folder.
		err := os.Chdir(s.previousDir)
		storeLock.release()
		restored <- err
	}()

	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	idle := time.NewTimer(idleGrace)
	defer idle.Stop()
	for {
		select {
		case err := <-restored:
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

// countInFlight is gateway middleware that counts the requests in flight.
func (s *Store) countInFlight(c fiber.Ctx) error {
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	return c.Next()
}
