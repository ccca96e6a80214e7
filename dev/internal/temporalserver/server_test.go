package temporalserver_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/dev/internal/ports"
	"github.com/callvault/callvault/dev/internal/temporalserver"
)

const (
	taskQueue  = "nap"
	workflowID = "nap-1"

	// testTimeout limits one test; it allows for a slow machine.
	testTimeout = 90 * time.Second

	// crashEnv names a folder. If it is set, the test binary starts a server, a
	// worker and a workflow on that folder, prints a line when the workflow's timer
	// has started, and waits to be killed.
	crashEnv = "CALLVAULT_TEST_CRASH"
)

// Nap is a workflow that sleeps for d and returns "done".
func Nap(ctx workflow.Context, d time.Duration) (string, error) {
	if err := workflow.Sleep(ctx, d); err != nil {
		return "", err
	}
	return "done", nil
}

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		if err := napUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func options(dir string) temporalserver.Options {
	return temporalserver.Options{DataDir: dir, FrontendPort: ports.Any, UIPort: ports.Any}
}

func start(t *testing.T, o temporalserver.Options) *temporalserver.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	began := time.Now()
	s, err := temporalserver.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		began := time.Now()
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		t.Logf("stopped in %s", time.Since(began).Round(time.Millisecond))
	})
	return s
}

func dial(s *temporalserver.Server) (client.Client, error) {
	return client.Dial(client.Options{
		HostPort: s.Address(),
		Logger:   sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	})
}

// connect starts a worker for Nap and returns its client and a function that stops
// both.
func connect(t *testing.T, s *temporalserver.Server) (client.Client, func()) {
	t.Helper()
	c, err := dial(s)
	if err != nil {
		t.Fatal(err)
	}
	w := napWorker(c)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return c, func() { w.Stop(); c.Close() }
}

func napWorker(c client.Client) worker.Worker {
	w := worker.New(c, taskQueue, worker.Options{})
	w.RegisterWorkflow(Nap)
	return w
}

func startNap(ctx context.Context, c client.Client, d time.Duration) error {
	_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: workflowID, TaskQueue: taskQueue}, Nap, d)
	return err
}

// awaitTimer returns when the workflow's timer has started.
func awaitTimer(ctx context.Context, c client.Client) error {
	events := c.GetWorkflowHistory(ctx, workflowID, "", true, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return err
		}
		if event.GetEventType() == enumspb.EVENT_TYPE_TIMER_STARTED {
			return nil
		}
	}
	return errors.New("history ended before a timer was started")
}

func napUntilKilled(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	s, err := temporalserver.Start(ctx, options(dir))
	if err != nil {
		return err
	}
	c, err := dial(s)
	if err != nil {
		return err
	}
	if err := napWorker(c).Start(); err != nil {
		return err
	}
	if err := startNap(ctx, c, time.Second); err != nil {
		return err
	}
	if err := awaitTimer(ctx, c); err != nil {
		return err
	}
	fmt.Println("napping")
	<-ctx.Done()
	return ctx.Err()
}

func TestWorkflowSurvivesARestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	dir := t.TempDir()

	first := start(t, options(dir))
	c, disconnect := connect(t, first)
	if err := startNap(ctx, c, time.Second); err != nil {
		t.Fatal(err)
	}
	if err := awaitTimer(ctx, c); err != nil {
		t.Fatal(err)
	}
	disconnect()
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	second := start(t, options(dir))
	c, disconnect = connect(t, second)
	defer disconnect()
	var result string
	if err := c.GetWorkflow(ctx, workflowID, "").Get(ctx, &result); err != nil {
		t.Fatal(err)
	}
	if result != "done" {
		t.Errorf("result = %q", result)
	}
}

func TestWorkflowSurvivesAKilledProcess(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	dir := t.TempDir()

	helper := exec.CommandContext(ctx, os.Args[0])
	helper.Env = append(os.Environ(), crashEnv+"="+dir)
	var stderr bytes.Buffer
	helper.Stderr = &stderr
	out, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	// The first line must be the helper's own: the server prints nothing.
	line, err := bufio.NewReader(out).ReadString('\n')
	_ = helper.Process.Kill()
	_ = helper.Wait()
	if err != nil || line != "napping\n" || stderr.Len() > 0 {
		t.Fatalf("helper printed %q and %q: %v", line, stderr.String(), err)
	}

	c, disconnect := connect(t, start(t, options(dir)))
	defer disconnect()
	var result string
	if err := c.GetWorkflow(ctx, workflowID, "").Get(ctx, &result); err != nil {
		t.Fatal(err)
	}
	if result != "done" {
		t.Errorf("result = %q", result)
	}
}

func TestStartSetsTheNamespaceRetention(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	dir := t.TempDir()
	for _, step := range []struct {
		option, want time.Duration
	}{
		{0, 30 * 24 * time.Hour},
		{48 * time.Hour, 48 * time.Hour}, // on the existing data
	} {
		o := options(dir)
		o.Retention = step.option
		s := start(t, o)
		c, err := dial(s)
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: "default"})
		if err != nil {
			t.Fatal(err)
		}
		if got := d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration(); got != step.want {
			t.Errorf("retention = %s, want %s", got, step.want)
		}
		c.Close()
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondServerUsesOtherPorts(t *testing.T) {
	first := start(t, options(t.TempDir()))

	o := options(t.TempDir())
	if _, err := fmt.Sscanf(first.Address(), "127.0.0.1:%d", &o.FrontendPort); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(first.UIURL(), "http://127.0.0.1:%d", &o.UIPort); err != nil {
		t.Fatal(err)
	}
	second := start(t, o)
	if second.Address() == first.Address() || second.UIURL() == first.UIURL() {
		t.Errorf("both use %s and %s", second.Address(), second.UIURL())
	}
}

func TestWebUIServesThePageAndTheNamespace(t *testing.T) {
	s := start(t, options(t.TempDir()))
	for path, want := range map[string]string{
		"/":                          "<html",
		"/api/v1/namespaces/default": `"default"`,
		"/api/v1/settings":           `"DisableNewsFetch":true`,
	} {
		resp, err := http.Get(s.UIURL() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("%s: status %s, error %v, body %.300s; want %s", path, resp.Status, err, body, want)
		}
	}
}

func TestSearchAttributesCanBeRegistered(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	c, err := dial(start(t, options(t.TempDir())))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: "default",
		SearchAttributes: map[string]enumspb.IndexedValueType{
			"Kind": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
			"When": enumspb.INDEXED_VALUE_TYPE_DATETIME,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: "default"})
	if err != nil {
		t.Fatal(err)
	}
	if got := list.GetCustomAttributes()["When"]; got != enumspb.INDEXED_VALUE_TYPE_DATETIME {
		t.Errorf("When has the type %s", got)
	}
}

func TestServerAddsNoCommandLineFlags(t *testing.T) {
	flag.VisitAll(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") {
			t.Errorf("flag -%s: %s", f.Name, f.Usage)
		}
	})
}

func TestStartRefusesInvalidOptions(t *testing.T) {
	for name, o := range map[string]temporalserver.Options{
		"no data folder":      {},
		"retention too short": {DataDir: t.TempDir(), Retention: time.Minute},
		"port out of range":   {DataDir: t.TempDir(), FrontendPort: 70000},
	} {
		if s, err := temporalserver.Start(t.Context(), o); err == nil {
			_ = s.Stop()
			t.Errorf("%s: want an error", name)
		}
	}
}
