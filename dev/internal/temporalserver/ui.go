package temporalserver

import (
	"context"
	"fmt"
	"net/http"
	"time"

	uiserver "github.com/temporalio/ui-server/v2/server"
	uiconfig "github.com/temporalio/ui-server/v2/server/config"
	uioptions "github.com/temporalio/ui-server/v2/server/server_options"

	"github.com/callvault/callvault/dev/internal/ports"
)

// uiPoll is the pause between looks whether the UI answers, which it does after
// some milliseconds.
const uiPoll = 10 * time.Millisecond

// startUI serves the Web UI and returns when it answers.
//
// The UI's server opens its port by itself and ends the process when it cannot,
// so the port is held until the last instant.
func startUI(ctx context.Context, frontend, namespace string, port int) (*uiserver.Server, string, error) {
	held, err := ports.Reserve(port)
	if err != nil {
		return nil, "", fmt.Errorf("temporal web ui: %w", err)
	}
	ui := uiserver.NewServer(uioptions.WithConfigProvider(&uiconfig.Config{
		Host:                ports.Loopback,
		Port:                held.Port(),
		TemporalGRPCAddress: frontend,
		DefaultNamespace:    namespace,
		EnableUI:            true,
		// The page is served over plain HTTP.
		CORS: uiconfig.CORS{CookieInsecure: true},
		// Nothing goes to the standard output, nor out of the machine.
		HideLogs:           true,
		DisableNewsFetch:   true,
		NotifyOnNewVersion: false,
	}))
	held.Release()
	go func() { _ = ui.Start() }()

	url := "http://" + held.Address()
	if err := awaitUI(ctx, url+"/healthz"); err != nil {
		ui.Stop()
		return nil, "", err
	}
	return ui, url, nil
}

func awaitUI(ctx context.Context, url string) error {
	tick := time.NewTicker(uiPoll)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("temporal web ui: %w", err)
		}
		// One connection each: none is left open for the UI's Stop to wait for.
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %s", resp.Status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("temporal web ui: %s does not answer: %w", url, err)
		case <-tick.C:
		}
	}
}
