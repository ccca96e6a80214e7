package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/internal/temporalclient"
)

const (
	// maxCodecRequest bounds a request: Temporal takes 2 MiB a payload, which base64 makes
	// larger, and the Web UI asks for a page of events at once.
	maxCodecRequest = 16 << 20

	codecTimeout = 30 * time.Second
)

func newCodecServer() *cobra.Command {
	var address, origin string
	command := &cobra.Command{
		Use:   "codec-server",
		Short: "Decrypt payloads for the Web UI and the temporal CLI on this machine",
		Long: "Serve /encode and /decode with the keys of CALLVAULT_PAYLOAD_KEYS_FILE, for the Web UI (its\n" +
			"setting \"Codec Server\") and the temporal CLI (--codec-endpoint) on this machine, until Ctrl-C.\n\n" +
			"It asks nobody who they are, so it listens on a loopback address alone, and browsers get an\n" +
			"answer only for pages of --origin. For others on a network put it behind a proxy that does.",
		Example: "  CALLVAULT_PAYLOAD_KEYS_FILE=payload.keys " + program.Command("starter") + " codec-server --origin http://localhost:8233",
		Args:    program.NoArguments,
	}
	output := addOutputFlag(command)
	command.Flags().StringVar(&address, "address", "127.0.0.1:8234", "loopback address and port to listen on")
	command.Flags().StringVar(&origin, "origin", "http://localhost:8233", "where the Web UI is, as its address in the browser begins")
	command.RunE = func(command *cobra.Command, _ []string) error {
		codec, err := temporalclient.PayloadCodec()
		switch {
		case err != nil:
			return program.Usage(err)
		case codec == nil:
			return program.Usage(errors.New("CALLVAULT_PAYLOAD_KEYS_FILE is not set: set it to the file with the workers' keys"))
		}
		if err := errors.Join(checkLoopback(address), checkOrigin(origin)); err != nil {
			return program.Usage(err)
		}
		return serveCodec(command.Context(), address, codecHandler(codec, origin), *output, command.OutOrStdout())
	}
	return command
}

func checkLoopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil || !media.IsLoopbackHost(host) {
		return fmt.Errorf("--address %q is not a loopback address with a port: want one such as 127.0.0.1:8234, since whoever reaches it can decrypt", address)
	}
	return nil
}

func checkOrigin(origin string) error {
	parsed, err := url.Parse(origin)
	if err != nil || parsed.Host == "" || parsed.Scheme+"://"+parsed.Host != origin {
		return fmt.Errorf("--origin %q is not an origin: want scheme, host and port alone, such as http://localhost:8233", origin)
	}
	return nil
}

// codecHandler serves the codec to programs on this machine, and to pages of one origin. A name
// that is not this machine's is refused, so that no page can reach it under a name of its own.
func codecHandler(codec converter.PayloadCodec, origin string) http.Handler {
	payloads := converter.NewPayloadCodecHTTPHandler(codec)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if from := r.Header.Get("Origin"); !media.IsLoopbackHost(host) || from != "" && from != origin {
			http.Error(w, "the codec server answers this machine and pages of --origin alone", http.StatusForbidden)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Vary", "Origin")
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "POST, OPTIONS")
			w.Header().Set("Access-Control-Allow-Headers", "content-type, x-namespace")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxCodecRequest)
		payloads.ServeHTTP(w, r)
	})
}

func serveCodec(ctx context.Context, address string, handler http.Handler, output format, stdout io.Writer) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%w: give another --address", err)
	}
	server := &http.Server{Handler: handler, ReadTimeout: codecTimeout, WriteTimeout: codecTimeout}
	context.AfterFunc(ctx, func() { server.Close() })
	endpoint := "http://" + listener.Addr().String()
	if output == formatJSON {
		err = printJSON(stdout, map[string]any{"endpoint": endpoint})
	} else {
		_, err = fmt.Fprintf(stdout, "the codec server is up until Ctrl-C: %s\n", endpoint)
	}
	if err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return program.ErrInterrupted
}
