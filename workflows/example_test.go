package workflows_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/workflows"
)

func connect() client.Client {
	options := envconfig.MustLoadDefaultClientOptions()
	options.Logger = sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	c, err := client.Dial(options)
	if err != nil {
		log.Fatal(err)
	}
	return c
}

// A client starts a fetch and waits for its outcome.
func ExampleStartFetch() {
	ctx := context.Background()
	c := connect() // by the TEMPORAL_ variables
	defer c.Close()

	run, err := workflows.StartFetch(ctx, c, workflows.FetchRequest{
		Session: workflows.Session{BotID: "st-fd81a2b1-43af-544d-8082-831bc09c0001", SessionID: "65e7133a3242653c58d70001"},
	})
	if err != nil {
		log.Panic(err)
	}
	result, err := run.Result(ctx)
	if err != nil {
		log.Panic(err) // No result can be trusted: invalid input, cancelled, terminated.
	}
	fmt.Println(result.Outcome)
	for _, recording := range result.Recordings {
		fmt.Println(recording.Key)
	}
	// Output:
	// archived
	// st-fd81a2b1-43af-544d-8082-831bc09c0001/2024/03/05/65e7133a3242653c58d70001/call.wav
}

// CloseCase is a workflow of another team. It continues once the call's recording
// is in the archive, or is known not to exist.
func CloseCase(ctx workflow.Context, session workflows.Session) (string, error) {
	result, err := workflows.RunFetch(ctx, workflows.FetchRequest{Session: session})
	if err != nil {
		return "", err
	}
	switch result.Outcome {
	case workflows.OutcomeArchived:
		return "closed with " + result.Recordings[0].FileName, nil
	case workflows.OutcomeUnavailable, workflows.OutcomeFailed, workflows.OutcomeGaveUp:
		return "closed without a recording: " + result.Reason, nil
	default:
		return "", fmt.Errorf("outcome %q is not known here", result.Outcome)
	}
}

// A parent workflow runs a fetch and reads its outcome, whoever started it.
func ExampleRunFetch() {
	ctx := context.Background()
	c := connect() // by the TEMPORAL_ variables
	defer c.Close()
	w := worker.New(c, "cases", worker.Options{})
	w.RegisterWorkflow(CloseCase)
	if err := w.Start(); err != nil {
		log.Panic(err)
	}
	defer w.Stop()

	session := workflows.Session{BotID: "st-fd81a2b1-43af-544d-8082-831bc09c0001", SessionID: "65e7133a3242653c58d70002"}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "cases"}, CloseCase, session)
	if err != nil {
		log.Panic(err)
	}
	var text string
	if err := run.Get(ctx, &text); err != nil {
		log.Panic(err)
	}
	fmt.Println(text)
	// Output: closed with call.wav
}

// A caller shows what a fetch waits for, ends the wait, and cancels the fetch.
func ExampleFetchRun_Progress() {
	ctx := context.Background()
	c := connect() // by the TEMPORAL_ variables
	defer c.Close()
	run, err := workflows.StartFetch(ctx, c, workflows.FetchRequest{
		Session: workflows.Session{BotID: "st-fd81a2b1-43af-544d-8082-831bc09c0001", SessionID: "65e7133a3242653c58d70003"},
	})
	if err != nil {
		log.Panic(err)
	}
	var progress workflows.FetchProgress
	for progress.NextCheckAt.IsZero() {
		time.Sleep(100 * time.Millisecond)
		if progress, err = run.Progress(ctx); err != nil {
			log.Panic(err)
		}
	}
	fmt.Println(progress.Phase, "after", progress.StatusChecks, "check:", progress.Reason)

	checked, err := run.CheckNow(ctx)
	if err != nil {
		log.Panic(err)
	}
	fmt.Println("ended the wait:", checked.EndedWait)

	if err := run.Cancel(ctx); err != nil {
		log.Panic(err)
	}
	_, err = run.Result(ctx)
	fmt.Println("cancelled:", err != nil)
	// Output:
	// call_in_progress after 1 check: the call is ongoing
	// ended the wait: true
	// cancelled: true
}

// A client starts a batch, and reacts to its end.
func ExampleStartBatch() {
	ctx := context.Background()
	c := connect() // by the TEMPORAL_ variables
	defer c.Close()
	const bot = "st-fd81a2b1-43af-544d-8082-831bc09c0001"
	run, err := workflows.StartBatch(ctx, c, workflows.BatchRequest{
		BatchID: "example",
		Sessions: []workflows.BatchSession{
			{Session: workflows.Session{BotID: bot, SessionID: "65e7133a3242653c58d70004"}},
			{Session: workflows.Session{BotID: bot, SessionID: "65e7133a3242653c58d70005"}},
		},
		MaxFailures: workflows.FailureLimit{Percent: 50},
	})
	if err != nil {
		log.Panic(err)
	}
	result, err := run.Result(ctx)
	if err != nil {
		log.Panic(err) // The batch could not begin.
	}
	fmt.Println(result.Phase, result.Total.Outcomes)
	fmt.Println(result.Report.Key)
	// Output:
	// done map[archived:1 failed:1]
	// batches/example/report.csv
}

// ArchiveMonth is a workflow of another team. It runs a batch of a list in the archive's
// bucket, and retries once what was not archived.
func ArchiveMonth(ctx workflow.Context, month string, list workflows.ObjectRef) (string, error) {
	request := workflows.BatchRequest{BatchID: month, Source: &list}
	result, err := workflows.RunBatch(ctx, request)
	if err != nil {
		return "", err
	}
	if result.Total.Outcomes[workflows.OutcomeArchived] < result.Total.Sessions {
		request.Refetch = true
		if result, err = workflows.RunBatch(ctx, request); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d of %d archived, see %s", result.Total.Outcomes[workflows.OutcomeArchived], result.Total.Sessions, result.Report.Key), nil
}

// A parent workflow runs a batch as its child.
func ExampleRunBatch() {
	ctx := context.Background()
	c := connect() // by the TEMPORAL_ variables
	defer c.Close()
	w := worker.New(c, "months", worker.Options{})
	w.RegisterWorkflow(ArchiveMonth)
	if err := w.Start(); err != nil {
		log.Panic(err)
	}
	defer w.Stop()

	list := workflows.ObjectRef{Bucket: os.Getenv("S3_BUCKET"), Key: "lists/2024-03.csv"}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "months"}, ArchiveMonth, "2024-03", list)
	if err != nil {
		log.Panic(err)
	}
	var text string
	if err := run.Get(ctx, &text); err != nil {
		log.Panic(err)
	}
	fmt.Println(text)
	// Output: 2 of 2 archived, see batches/2024-03/report.csv
}

// CloseCaseElsewhere is CloseCase of a team with a namespace of its own, which reaches
// callvault by a Nexus endpoint.
func CloseCaseElsewhere(ctx workflow.Context, endpoint string, session workflows.Session) (string, error) {
	callvault := workflow.NewNexusClient(endpoint, workflows.NexusService)
	operation := callvault.ExecuteOperation(ctx, workflows.NexusFetchRecording, workflows.FetchRequest{Session: session}, workflow.NexusOperationOptions{
		Summary: "recording of session " + session.SessionID,
	})
	var result workflows.FetchResult
	if err := operation.Get(ctx, &result); err != nil {
		return "", err
	}
	if result.Outcome != workflows.OutcomeArchived {
		return "closed without a recording: " + result.Reason, nil
	}
	return "closed with " + result.Recordings[0].FileName, nil
}

// A workflow of another namespace runs a fetch. An operator has created the endpoint:
// temporal operator nexus endpoint create --name callvault --target-namespace default --target-task-queue callvault
func Example_nexus() {
	ctx := context.Background()
	options := envconfig.MustLoadDefaultClientOptions()
	options.Namespace = os.Getenv("CALLER_NAMESPACE")
	options.Logger = sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	c, err := client.Dial(options)
	if err != nil {
		log.Panic(err)
	}
	defer c.Close()
	w := worker.New(c, "cases", worker.Options{})
	w.RegisterWorkflow(CloseCaseElsewhere)
	if err := w.Start(); err != nil {
		log.Panic(err)
	}
	defer w.Stop()

	session := workflows.Session{BotID: "st-fd81a2b1-43af-544d-8082-831bc09c0001", SessionID: "65e7133a3242653c58d70008"}
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{TaskQueue: "cases"}, CloseCaseElsewhere, os.Getenv("NEXUS_ENDPOINT"), session)
	if err != nil {
		log.Panic(err)
	}
	var text string
	if err := run.Get(ctx, &text); err != nil {
		log.Panic(err)
	}
	fmt.Println(text)
	// Output: closed with call.wav
}
