package stack

import (
	"context"
	"errors"
	"log/slog"

	"go.temporal.io/sdk/client"

	"github.com/callvault/callvault/internal/worker"
)

// StartWorker runs a worker in this process, the same as ./worker runs, and returns once it
// serves. The returned function stops it gracefully.
func (s *Stack) StartWorker(ctx context.Context, c client.Client, logger *slog.Logger) (stop func() error, err error) {
	settings, err := s.Settings()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- worker.Run(ctx, worker.Options{
			Client:    c,
			Namespace: Namespace,
			Settings:  settings,
			Logger:    logger,
			Ready:     func() { close(ready) },
		})
	}()
	select {
	case <-ready:
		return func() error { cancel(); return <-ended }, nil
	case err := <-ended:
		cancel()
		return nil, errors.Join(errors.New("the worker did not start"), err)
	}
}
