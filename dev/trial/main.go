// Command trial is the service "smartassist" of deploy/trial.yml: the SmartAssist simulator
// behind HTTPS, which the worker demands of every host but its own. It makes an authority of
// its own at every start, whose certificate the worker's container trusts through SSL_CERT_FILE.
//
//	trial [--calls N]            serve on port 8443
//	trial sessions [--calls N]   print the sessions, as a list for a batch
//	trial health                 exit 0 if it serves
package main

import (
	"context"
	"crypto/tls"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/callvault/callvault/internal/simulator"
)

const (
	// folder is shared with the worker's container.
	folder          = "/trial"
	certificateFile = "ca.pem"

	hostName          = "smartassist" // the service's
	address           = ":8443"
	readHeaderTimeout = 10 * time.Second
	healthTimeout     = 3 * time.Second
	maxCalls          = 100_000
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "trial:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string, stdout io.Writer) error {
	command := "serve"
	if len(arguments) > 0 && !strings.HasPrefix(arguments[0], "-") {
		command, arguments = arguments[0], arguments[1:]
	}
	flags := flag.NewFlagSet("trial", flag.ContinueOnError)
	calls := flags.Int("calls", 0, fmt.Sprintf("calls that are ready at once, beside the nineteen of every status; up to %d", maxCalls))
	perMinute := flags.Int("calls-per-minute", simulator.DefaultCallsPerMinute, "call budget of a rolling minute; there is no hour's")
	length := flags.Duration("length", 12*time.Second, "length of the calls that are ready at once: a second is 16 kB")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if *calls < 0 || *calls > maxCalls {
		return fmt.Errorf("--calls is %d: want 0 to %d", *calls, maxCalls)
	}
	switch command {
	case "serve":
		return serve(ctx, sessions(*calls, *length), *perMinute, stdout)
	case "sessions":
		return printList(sessions(*calls, *length), stdout)
	case "health":
		return health(ctx)
	default:
		return fmt.Errorf("%q is not a command: give serve, sessions or health", command)
	}
}

func serve(ctx context.Context, sessions []simulator.Session, perMinute int, stdout io.Writer) error {
	upstream, err := simulator.New(simulator.Config{
		EnforceJTI:     true,
		CallsPerMinute: perMinute,
		CallsPerHour:   simulator.Unlimited,
		MaxSessions:    len(sessions),
	})
	if err != nil {
		return err
	}
	defer func() { _ = upstream.Close() }()
	for _, session := range sessions {
		if err := upstream.AddSession(session); err != nil {
			return err
		}
	}
	authority, certificate, err := newCertificate(hostName, time.Now())
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, certificateFile), authority, 0o644); err != nil { //nolint:gosec // a certificate, for others to read
		return fmt.Errorf("%w: mount a volume at %s", err, folder)
	}
	server := &http.Server{
		Addr:              address,
		Handler:           upstream,
		ReadHeaderTimeout: readHeaderTimeout,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Fprintf(stdout, "%d sessions of %s on https://%s%s; the first one: %s\n",
		len(sessions), simulator.DefaultBotID, hostName, address, sessions[0].SessionID)
	if err := server.ListenAndServeTLS("", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func printList(sessions []simulator.Session, stdout io.Writer) error {
	list := csv.NewWriter(stdout)
	_ = list.Write([]string{"botId", "sessionId"}) // Flush reports its errors.
	for _, session := range sessions {
		_ = list.Write([]string{session.BotID, session.SessionID})
	}
	list.Flush()
	return list.Error()
}

func health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // it is asked whether it listens, nothing else
	connection, err := dialer.DialContext(ctx, "tcp", "127.0.0.1"+address)
	if err != nil {
		return err
	}
	return connection.Close()
}
