package fetchrecording

import (
	"fmt"
	"path"
	"slices"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/callbudget"
)

// The steps of a fetch: each runs activities and passes what they returned to
// its decision.

func (f *fetch) findArchived(ctx workflow.Context) next {
	if f.state.Unserved {
		f.enter(ctx, workflows.PhaseBlocked, unservedReason(f.input.BotID))
		if err := f.showWait(ctx); err != nil {
			return f.situation(ctx, false).fail(err)
		}
	}
	found, err := f.find(ctx)
	if found.Place != nil {
		f.place = found.Place
	}
	return f.situation(ctx, err == nil).afterFind(found, err)
}

// find asks the worker that runs the workflow, which is one event instead of six. If
// that one cannot tell, whatever the reason, it asks the workers that serve the bot.
// Only the first step of a run asks so: a repeated one follows a failure or a wait.
func (f *fetch) find(ctx workflow.Context) (*FindArchivedResult, error) {
	if f.fewEvents && f.decisions == 0 && !f.state.Unserved {
		var here FindArchivedHereResult
		err := workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, findHereOptions()), FindArchivedHere, f.findInput()).Get(ctx, &here)
		if err == nil && here.Known {
			return &here.FindArchivedResult, nil
		}
	}
	found := new(FindArchivedResult)
	err := workflow.ExecuteActivity(
		workflow.WithActivityOptions(ctx, findOptions(f.findQueue(), f.state.Unserved)),
		FindArchived,
		f.findInput(),
	).Get(ctx, found)
	return found, err
}

func (f *fetch) findInput() FindArchivedInput {
	if f.input.BatchID == "" {
		return FindArchivedInput{Session: f.input.Session}
	}
	return FindArchivedInput{Session: f.input.Session, BatchID: f.input.BatchID, Level: f.firstLevel()}
}

// account is the name of the bot's account; empty if the fetch began before there were
// accounts.
func (f *fetch) account() string {
	if f.place == nil {
		return ""
	}
	return f.place.Account
}

// checkStatus mints a token and spends it on one call of the vendor's API.
func (f *fetch) checkStatus(ctx workflow.Context) next {
	if f.state.BlockedSince.IsZero() {
		f.enter(ctx, workflows.PhaseChecking, "waiting for a call slot of the budget")
	}
	slot, err := f.mintToken(ctx)
	if err != nil {
		return f.situation(ctx, false).afterMint(f.input.BotID, err)
	}
	f.state.Front = false

	f.enter(ctx, workflows.PhaseChecking, "checking the status")
	var response CheckStatusResult
	err = workflow.ExecuteActivity(
		workflow.WithActivityOptions(ctx, callOptions(f.account(), fmt.Sprintf("status check %d", f.state.StatusChecks+1))),
		CheckStatus,
		CheckStatusInput{Session: f.input.Session, UserID: f.input.UserID, Token: slot.Token, Slot: slot.Slot, Archived: f.archivedNames()},
	).Get(ctx, &response)
	if maySpendCall(err) {
		f.state.StatusChecks++
	}
	if err != nil {
		return f.situation(ctx, false).afterCheckFailure(err)
	}
	s := f.situation(ctx, response.Action == status.Download && len(f.state.Done) == 0)
	if response.Action == status.Download || f.v010 {
		f.files = response.Files
	}
	return s.afterStatus(&response)
}

// mintToken waits for a call slot. The update checkNow ends the wait, once, for another
// one in front of all others.
func (f *fetch) mintToken(ctx workflow.Context) (*MintTokenResult, error) {
	for {
		level := f.level(workflow.Now(ctx))
		queue := OldSlotTaskQueue(f.input.BotID)
		waiting := ctx
		if f.place != nil {
			queue = f.slotQueue(level)
			waiting, f.jumpQueue = workflow.WithCancel(ctx)
		}
		slot := new(MintTokenResult)
		err := workflow.ExecuteActivity(
			workflow.WithActivityOptions(waiting, callSlotOptions(queue, f.input.BatchID)),
			MintToken,
			MintTokenInput{BotID: f.input.BotID, Level: level, BatchID: f.input.BatchID, Suspect: f.state.BlockedWaits > 0 || f.state.Refused, Front: f.state.Front},
		).Get(ctx, slot)
		f.jumpQueue = nil
		if level == callbudget.FrontLevel || !f.state.Front || !temporal.IsCanceledError(err) || ctx.Err() != nil {
			return slot, err
		}
	}
}

// download downloads every file that is not in the archive yet, in parallel.
func (f *fetch) download(ctx workflow.Context) next {
	f.enter(ctx, workflows.PhaseArchiving, fmt.Sprintf("downloading %d file(s)", len(f.unfinished())))
	if f.showsDownload() {
		if err := f.show(ctx); err != nil {
			return f.situation(ctx, false).fail(err)
		}
	}
	manifest := f.manifestOfOnlyFile(ctx)
	type running struct {
		workflow.Future
		source, objectName string
	}
	var downloads []running
	for i, file := range f.files {
		if f.isDone(file) {
			continue
		}
		summary := fmt.Sprintf("file %d of %d", i+1, len(f.files))
		if manifest != nil {
			summary += ", with the manifest"
		}
		downloads = append(downloads, running{workflow.ExecuteActivity(
			workflow.WithActivityOptions(ctx, transferOptions(f.account(), summary)),
			DownloadRecording,
			DownloadRecordingInput{
				Session: f.input.Session, File: file, Replaces: f.state.Replaces,
				Waited: f.state.StatusChecks > 1, Again: f.state.DownloadFailed || f.state.DownloadFailures+f.state.TransientFailures > 0, Resume: f.resumes[file.Source].point, Manifest: manifest,
			},
		), file.Source, file.ObjectName})
	}
	progress := false
	var written *WriteManifestResult
	var errs []error
	for _, one := range downloads {
		var downloaded DownloadRecordingResult
		if err := one.Get(ctx, &downloaded); err != nil {
			errs = append(errs, err)
			f.state.DownloadFailed = true
			if point := resumeOf(err); point != "" { // An older one may still hold: the store is asked.
				f.resumes[one.source] = leftover{one.objectName, point}
			}
			continue
		}
		f.state.Done = append(f.state.Done, downloaded.Recording)
		written = downloaded.Written
		progress = true
	}
	s := f.situation(ctx, len(errs) == 0)
	if written != nil {
		return s.afterWrite(&written.Result, nil)
	}
	return s.afterDownload(progress, errs...)
}

// showsDownload reports whether a download is shown by the search attribute. The first
// one of a call's only file is not, unless the attribute shows a wait: that would cost
// an action for the seconds until the outcome.
func (f *fetch) showsDownload() bool {
	return !f.fewEvents || len(f.files) > 1 || f.shown != workflows.PhaseChecking ||
		f.state.DownloadFailures > 0 || f.state.TransientFailures > 0
}

// manifestOfOnlyFile returns the manifest that the download of a call's only file
// writes, without the recording; nil if the manifest has to wait for a decision.
func (f *fetch) manifestOfOnlyFile(ctx workflow.Context) *WriteManifestInput {
	if !f.fewEvents || len(f.missingAttachments()) > 0 || !f.now(ctx).archivesOnlyFile(f.files) {
		return nil
	}
	input := f.manifestOf(f.newResult(ctx, workflows.OutcomeArchived, ""))
	input.Unfinished, input.Result.FinishedAt = f.notListed(), time.Time{}
	return &input
}

func (f *fetch) writeManifest(ctx workflow.Context) next {
	if n, ok := f.fetchAttachments(ctx); !ok {
		return n
	}
	var written WriteManifestResult
	err := workflow.ExecuteActivity(
		workflow.WithActivityOptions(ctx, archiveOptions(f.account(), "write the manifest: "+string(f.result.Outcome))),
		WriteManifest,
		f.manifestOf(f.result),
	).Get(ctx, &written)
	return f.situation(ctx, err == nil).afterWrite(&written.Result, err)
}

func (f *fetch) manifestOf(result *workflows.FetchResult) WriteManifestInput {
	return WriteManifestInput{
		Result:     *result,
		BatchID:    f.input.BatchID,
		Unfinished: append(f.unfinished(), f.notListed()...),
		Evidence:   f.state.Evidence,
		Replaces:   f.state.Replaces,
	}
}

func (f *fetch) isDone(file RemoteFile) bool { return isIn(f.state.Done, file.Source) }

// archivedNames maps the sources of the files that have a name in the archive to
// these names, so that a later list of files gives nobody else the same name.
func (f *fetch) archivedNames() map[string]string {
	names := make(map[string]string)
	for _, file := range slices.Concat(f.state.Done, f.state.Damaged) {
		names[file.Source] = path.Base(file.Key)
	}
	return names
}

// notListed returns the names of files that the vendor does not list any more, and of
// which something may be in the archive.
func (f *fetch) notListed() []string {
	var names []string
	for _, source := range workflow.DeterministicKeys(f.resumes) {
		isListed := slices.ContainsFunc(f.files, func(file RemoteFile) bool { return file.Source == source })
		if !isListed && !isIn(f.state.Done, source) {
			names = append(names, f.resumes[source].objectName)
		}
	}
	return names
}

// unfinished returns the names of the files that are not in the archive.
func (f *fetch) unfinished() []string {
	var names []string
	for _, file := range f.files {
		if !f.isDone(file) {
			names = append(names, file.ObjectName)
		}
	}
	return names
}

// archivedFiles returns the files in the archive, in the vendor's order. Those
// that the vendor's last list does not have come last, and are marked.
func (f *fetch) archivedFiles() []workflows.Recording {
	place := func(done workflows.Recording) int {
		at := slices.IndexFunc(f.files, func(file RemoteFile) bool { return file.Source == done.Source })
		if at < 0 {
			return len(f.files)
		}
		return at
	}
	ordered := append([]workflows.Recording{}, f.state.Done...) // never null in JSON
	slices.SortStableFunc(ordered, func(a, b workflows.Recording) int { return place(a) - place(b) })
	if len(f.files) > 0 {
		for i, recording := range ordered {
			ordered[i].NoLongerListed = place(recording) == len(f.files)
		}
	}
	return ordered
}
