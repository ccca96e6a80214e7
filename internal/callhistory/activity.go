package callhistory

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// finished tells of an activity that has come to an end: with a result, or otherwise as how
// says.
func (r *Reader) finished(at time.Time, scheduled int64, result *commonpb.Payloads, failed *failurepb.Failure, how string) {
	w := r.scheduled[scheduled]
	if w == nil {
		return
	}
	delete(r.scheduled, scheduled)
	e := Event{At: at, Worker: w.worker, Attempts: w.attempts, Took: at.Sub(w.scheduledAt)}
	if how == "" {
		e.Kind, e.Text = r.succeeded(w, result, &e)
	} else {
		e.Kind, e.Text = failedText(w, how, r.messageOf(failed), failed.GetApplicationFailureInfo().GetType())
	}
	if e.Kind == "" {
		return
	}
	if w.attempts > 1 {
		e.Text += fmt.Sprintf(" (attempt %d%s)", w.attempts, before(w.lastFailure))
	}
	e.Text = printable(e.Text)
	r.run.add(e)
	if e.Kind == Manifest {
		r.run.Wrote = &e
	}
}

func before(failure string) string {
	if failure == "" {
		return ""
	}
	return "; before: " + failure
}

// succeeded tells what an activity has returned. Only fields that are known to hold no
// secret are decoded into the text.
func (r *Reader) succeeded(w *work, result *commonpb.Payloads, e *Event) (Kind, string) {
	const unreadable = "its result cannot be read"
	switch w.activity {
	case fetchrecording.FindArchived:
		var found fetchrecording.FindArchivedResult
		if r.converter.FromPayloads(result, &found) != nil {
			return Looked, "looked for a manifest; " + unreadable
		}
		return Looked, foundText(&found)
	case fetchrecording.MintToken:
		e.Took = w.startedAt.Sub(w.scheduledAt)
		return Slot, fmt.Sprintf("a call slot of the budget, after %s in the queue and %s in a worker", rounded(w.startedAt.Sub(w.scheduledAt)), rounded(e.At.Sub(w.startedAt)))
	case fetchrecording.CheckStatus:
		r.checks++
		e.Check, e.Took = r.checks, e.At.Sub(w.startedAt)
		var answer fetchrecording.CheckStatusResult
		if r.converter.FromPayloads(result, &answer) != nil {
			return Check, fmt.Sprintf("check %d; %s", r.checks, unreadable)
		}
		return Check, fmt.Sprintf("check %d: %s", r.checks, answerText(&answer))
	case fetchrecording.DownloadRecording:
		var stored fetchrecording.DownloadRecordingResult
		if r.converter.FromPayloads(result, &stored) != nil {
			return Download, "downloaded a file; " + unreadable
		}
		text := fmt.Sprintf("downloaded %s: %s bytes, %s, sha256 %.16s…, in %s", path.Base(stored.Key), humanize.Comma(stored.Bytes), stored.Format, stored.SHA256, rounded(e.At.Sub(w.startedAt)))
		if stored.Written == nil {
			return Download, text
		}
		return Manifest, text + "; " + writtenText(&stored.Written.Result)
	case fetchrecording.FetchAttachments:
		var fetched fetchrecording.FetchAttachmentsResult
		if r.converter.FromPayloads(result, &fetched) != nil {
			return Attachments, "fetched what belongs to the call; " + unreadable
		}
		return Attachments, attachmentsText(&fetched)
	case fetchrecording.WriteManifest:
		var written fetchrecording.WriteManifestResult
		if r.converter.FromPayloads(result, &written) != nil {
			return Manifest, "wrote the manifest; " + unreadable
		}
		return Manifest, writtenText(&written.Result)
	}
	return "", "" // A later release's, which is left to the Web UI.
}

// writtenText tells of a manifest, which another fetch may have written before.
func writtenText(result *workflows.FetchResult) string {
	if result.Source == workflows.SourceManifest {
		return "found the manifest of another fetch: " + string(result.Outcome)
	}
	return "wrote the manifest: " + string(result.Outcome)
}

func foundText(found *fetchrecording.FindArchivedResult) string {
	switch {
	case found.Result == nil:
		return "looked for a manifest: there is none"
	case len(found.Damaged) > 0:
		return fmt.Sprintf("looked for a manifest: %s, but %d of its objects are missing or changed", found.Result.Outcome, len(found.Damaged))
	}
	return fmt.Sprintf("looked for a manifest: %s, of %s", found.Result.Outcome, found.Result.FinishedAt.UTC().Format(time.RFC3339))
}

// answerText tells what the vendor answered. A status comes with HTTP 200 alone, but for
// no_such_session, which callvault makes of an error.
func answerText(answer *fetchrecording.CheckStatusResult) string {
	text := answer.Status
	if text == "" {
		text = "an empty status"
	}
	if answer.Text != "" {
		text += " (" + answer.Text + ")"
	}
	if len(answer.Files) > 0 {
		var names []string
		for _, file := range answer.Files[:min(len(answer.Files), maxNames)] {
			names = append(names, file.ObjectName)
		}
		text += fmt.Sprintf(", %d file(s): %s", len(answer.Files), strings.Join(names, ", "))
		if len(answer.Files) > maxNames {
			text += ", …"
		}
	}
	return text
}

// maxNames bounds how many files one line names.
const maxNames = 5

func attachmentsText(fetched *fetchrecording.FetchAttachmentsResult) string {
	var parts []string
	for _, one := range fetched.Attachments {
		parts = append(parts, fmt.Sprintf("%s: %s bytes", path.Base(one.Key), humanize.Comma(one.Bytes)))
	}
	for _, one := range fetched.LeftOut {
		parts = append(parts, fmt.Sprintf("no %s: %s", one.Kind, one.Reason))
	}
	if len(parts) == 0 {
		return "the call has nothing beside its recordings"
	}
	return "fetched what belongs to the call: " + strings.Join(parts, "; ")
}

// failedText tells of an activity that has not succeeded.
func failedText(w *work, how, message, kind string) (Kind, string) {
	if kind != "" {
		message += " (" + kind + ")"
	}
	message = because(message)
	switch w.activity {
	case fetchrecording.FindArchived:
		return Looked, "looking for a manifest " + how + message
	case fetchrecording.MintToken:
		return Slot, "waiting for a call slot " + how + message
	case fetchrecording.CheckStatus:
		return Check, "a check " + how + message
	case fetchrecording.DownloadRecording:
		return Download, "a download " + how + message
	case fetchrecording.FetchAttachments:
		return Attachments, "fetching what belongs to the call " + how + message
	case fetchrecording.WriteManifest:
		return Problem, "writing the manifest " + how + message
	}
	return "", ""
}

// timedOut says which of an activity's times is up.
func timedOut(f *failurepb.Failure) string {
	switch f.GetTimeoutFailureInfo().GetTimeoutType() {
	case enumspb.TIMEOUT_TYPE_SCHEDULE_TO_START:
		return "was taken by no worker in time"
	case enumspb.TIMEOUT_TYPE_HEARTBEAT:
		return "ended with its worker: no more heartbeats came"
	default:
		return "took too long"
	}
}

// marker tells of a local activity: the first step, if the worker that runs the workflow
// could do it.
func (r *Reader) marker(at time.Time, a *historypb.MarkerRecordedEventAttributes) {
	var data struct{ ActivityType string }
	if a.GetMarkerName() != "LocalActivity" || r.converter.FromPayloads(a.GetDetails()["data"], &data) != nil || data.ActivityType != fetchrecording.FindArchivedHere {
		return
	}
	var found fetchrecording.FindArchivedHereResult
	if r.converter.FromPayloads(a.GetDetails()["result"], &found) == nil && found.Known {
		r.add(at, Looked, nil, "%s", foundText(&found.FindArchivedResult))
	}
}

// Pending tells what an activity that has not ended is doing, for a run that goes on.
func Pending(activity string, progress *commonpb.Payloads, payloads converter.DataConverter) string {
	var download fetchrecording.DownloadProgress
	if payloads == nil {
		payloads = converter.GetDefaultDataConverter()
	}
	switch {
	case activity == fetchrecording.DownloadRecording && progress != nil && payloads.FromPayloads(progress, &download) == nil:
		text := "downloads " + download.FileName + ": " + humanize.Comma(download.Bytes)
		if download.Total > 0 {
			text += " of " + humanize.Comma(download.Total)
		}
		return printable(text + " bytes")
	case activity == fetchrecording.DownloadRecording:
		return "downloads a file"
	case activity == fetchrecording.MintToken:
		return "waits for a call slot of the budget"
	case activity == fetchrecording.CheckStatus:
		return "asks the vendor for the status"
	case activity == fetchrecording.FindArchived:
		return "looks for a manifest"
	case activity == fetchrecording.WriteManifest:
		return "writes the manifest"
	}
	return printable(activity)
}
