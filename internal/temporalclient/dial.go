// Package temporalclient connects to Temporal as the TEMPORAL_ variables, the
// configuration file and the profile say, the same way the temporal CLI does.
package temporalclient

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/callvault/callvault/internal/program"
)

const dialTimeout = 10 * time.Second

// whatTemporalReads is what the SDK and the temporal CLI read.
const whatTemporalReads = "the TEMPORAL_ variables or Temporal's configuration file"

// ConfigError means that what the environment says of Temporal is not valid.
type ConfigError struct {
	what string
	err  error
}

func (e *ConfigError) Error() string { return fmt.Sprintf("%s: %v", e.what, e.err) }

func (e *ConfigError) Unwrap() error { return e.err }

// CheckEnvironment reports whether what the environment says of Temporal is
// valid. It does not connect.
func CheckEnvironment() error {
	if _, err := envconfig.LoadDefaultClientOptions(); err != nil {
		return &ConfigError{whatTemporalReads, err}
	}
	_, err := PayloadCodec()
	return err
}

// Dial connects and returns the client and its namespace, which exists. changes are made to the
// options before. The caller closes the client.
func Dial(ctx context.Context, logger *slog.Logger, changes ...func(*client.Options)) (client.Client, string, error) {
	c, err := Connect(ctx, logger, changes...)
	if err != nil {
		return nil, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := c.checkNamespace(ctx); err != nil {
		c.Close()
		return nil, "", err
	}
	return c.Client, c.Namespace, nil
}

// Connection is a connection to a Temporal server.
type Connection struct {
	client.Client

	// Address is the server's, and Namespace the one that the client works in; it may not exist.
	Address, Namespace string
}

// Connect connects, with the options changed before. The caller closes the connection.
func Connect(ctx context.Context, logger *slog.Logger, changes ...func(*client.Options)) (*Connection, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, &ConfigError{whatTemporalReads, err}
	}
	options.Logger = log.NewStructuredLogger(logger)
	if options.Namespace == "" {
		options.Namespace = client.DefaultNamespace
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	if err := setConverters(&options); err != nil {
		return nil, err
	}
	for _, change := range changes {
		change(&options)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("no Temporal server responds at %s (%w): start one%s, or set TEMPORAL_ADDRESS", options.HostPort, err, startHint())
	}
	return &Connection{Client: c, Address: options.HostPort, Namespace: options.Namespace}, nil
}

func startHint() string {
	if program.FromSource() {
		return ` with "` + program.Command("dev") + ` up"`
	}
	return ""
}

// checkNamespace fails only if the namespace does not exist. Whoever may not
// describe it may still use it.
func (c *Connection) checkNamespace(ctx context.Context) error {
	_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: c.Namespace})
	var missing *serviceerror.NamespaceNotFound
	if errors.As(err, &missing) {
		return fmt.Errorf("the namespace %q does not exist on the Temporal server at %s: %s", c.Namespace, c.Address, c.NamespaceRemedy())
	}
	return nil
}

// NamespaceRemedy says what to do if the namespace does not exist.
func (c *Connection) NamespaceRemedy() string {
	return "correct TEMPORAL_NAMESPACE, or create it: temporal operator namespace create --namespace " + c.Namespace + " --retention 720h"
}
