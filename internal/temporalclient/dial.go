// Package temporalclient connects to Temporal as the TEMPORAL_ variables, the
// configuration file and the profile say, the same way the temporal CLI does.
package temporalclient

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"
)

const dialTimeout = 10 * time.Second

// ConfigError says that what the environment says of Temporal cannot be used.
type ConfigError struct{ err error }

func (e *ConfigError) Error() string {
	return fmt.Sprintf("the TEMPORAL_ variables or Temporal's configuration file: %v", e.err)
}

func (e *ConfigError) Unwrap() error { return e.err }

// CheckEnvironment tells whether what the environment says of Temporal can be
// used. It connects to nobody.
func CheckEnvironment() error {
	if _, err := envconfig.LoadDefaultClientOptions(); err != nil {
		return &ConfigError{err}
	}
	return nil
}

// Dial connects and answers the namespace in which the client works. The
// caller closes the client.
func Dial(ctx context.Context, logger *slog.Logger) (client.Client, string, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, "", &ConfigError{err}
	}
	options.Logger = log.NewStructuredLogger(logger)
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, "", fmt.Errorf("no Temporal answers at %s (%w): start one, for example with \"go run ./dev up\", or set TEMPORAL_ADDRESS", options.HostPort, err)
	}
	return c, options.Namespace, nil
}
