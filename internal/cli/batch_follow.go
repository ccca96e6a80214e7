package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/callvault/callvault/internal/program"
	"github.com/callvault/callvault/workflows"
)

// batchInterval is the time between two queries of a batch.
const batchInterval = 2 * time.Second

// await shows on w where a batch is until it ends, and returns its result. An interruption
// leaves the batch running, and says so.
func (b batches) await(ctx context.Context, batchID string, w io.Writer) (*workflows.BatchResult, error) {
	following, stop := context.WithCancel(ctx)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		b.follow(following, batchID, newView(w))
	}()
	result, err := workflows.GetBatch(ctx, b.client, batchID).Result(ctx)
	stop()
	<-followed
	switch {
	case ctx.Err() != nil:
		fmt.Fprintf(w, "\nThe batch continues in the background. To follow it again, or to stop it:\n  %s\n  %s\n",
			exampleBatch("status "+batchID+" --watch"), exampleBatch("cancel "+batchID))
		return nil, program.ErrInterrupted
	case isNotFound(err):
		return nil, b.explain(ctx, batchID, err)
	case err != nil:
		return nil, batchFailure(batchID, err)
	}
	return result, nil
}

// follow shows a batch until ctx ends. Its own failures are shown and do no harm.
func (b batches) follow(ctx context.Context, batchID string, shown view) {
	ticker := time.NewTicker(batchInterval)
	defer ticker.Stop()
	for {
		progress, err := b.progress(ctx, batchID)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNotKnown):
			return // The result says it.
		case err != nil:
			shown.show(err.Error(), err.Error()+"\n")
		default:
			shown.show(batchLine(progress), batchText(progress, time.Now()))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// printBatchResult prints how a batch ended. It returns an error unless every session is
// archived.
func printBatchResult(w io.Writer, output format, result *workflows.BatchResult) error {
	var err error
	if output == formatJSON {
		err = printJSON(w, result)
	} else {
		_, err = io.WriteString(w, batchResultText(result))
	}
	if err == nil && !isAllArchived(result.Total) {
		err = fmt.Errorf("%w: not every session is archived", program.ErrReported)
	}
	return err
}

func isAllArchived(total workflows.ReportTotal) bool {
	return total.Outcomes[workflows.OutcomeArchived] == total.Sessions
}

// view shows the state of something that changes: as a line, or as a text of several.
type view interface{ show(line, text string) }

// newView returns a view that redraws in place on a terminal, and elsewhere writes a line
// whenever it is another one.
func newView(w io.Writer) view {
	if isTerminal(w) {
		return &liveView{w: w}
	}
	return &lineView{w: w}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && file.Name() != os.DevNull
}

type lineView struct {
	w    io.Writer
	last string
}

func (v *lineView) show(line, _ string) {
	if line != v.last {
		fmt.Fprintf(v.w, "%s  %s\n", time.Now().Format("15:04:05 MST"), line)
		v.last = line
	}
}

// liveView draws over what it has drawn before. Lines are cut off at the terminal's edge
// meanwhile, since one that wraps would be two to go back over.
type liveView struct {
	w     io.Writer
	drawn int // lines
}

func (v *liveView) show(_, text string) {
	var b strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", v.drawn) // up, and clear to the end
	}
	b.WriteString("\x1b[?7l" + text + "\x1b[?7h")
	v.drawn = strings.Count(text, "\n")
	_, _ = io.WriteString(v.w, b.String()) // Nothing can be done about a terminal that is gone.
}
