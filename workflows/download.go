package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// archive downloads the files of the call side by side. It answers no outcome
// if some are missing because their URLs no longer serve: only a new check
// yields others. A file that is in the archive is not fetched again.
func (f *fetch) archive(ctx workflow.Context, status *CheckStatusResult) (Outcome, error) {
	f.resume.Done = slices.DeleteFunc(f.resume.Done, func(done Recording) bool {
		return !slices.ContainsFunc(status.Files, func(file RemoteFile) bool { return file.Source == done.Source })
	})
	for {
		f.enter(ctx, PhaseArchiving, fmt.Sprintf("downloading %d file(s)", len(status.Files)-len(f.resume.Done)))
		if err := f.show(ctx); err != nil {
			return "", err
		}
		err := f.downloadMissing(ctx)
		switch {
		case err == nil:
			return OutcomeArchived, nil
		case isType(err, ErrorTypeAlreadyArchived):
			return "", err
		case isType(err, ErrorTypeBlocked):
			// The URL itself is the obstacle: the next look wants another one.
			_, err := f.park(ctx, message(err))
			return "", err
		case isType(err, ErrorTypeArchiveBlocked):
			// The URLs may well outlive the obstacle; asking for others would
			// spend a call at each look.
			if woken, err := f.park(ctx, message(err)); err != nil || woken {
				return "", err
			}
		case isType(err, ErrorTypeArchiveUnavailable):
			if err := f.outOfOrder(ctx, message(err)); err != nil {
				return "", err
			}
		default:
			return "", f.downloadFailed(ctx, err)
		}
	}
}

// downloadFailed waits before the next check. A URL that was refused, or
// answered with a page instead of a recording, gets its new check at once the
// first time: it had probably just expired.
func (f *fetch) downloadFailed(ctx workflow.Context, err error) error {
	var applicationError *temporal.ApplicationError
	switch {
	case isTimeout(err):
		f.note(ctx, "A download ended without an answer from its worker.")
	case errors.As(err, &applicationError):
		f.note(ctx, applicationError.Message())
	default:
		return failure(err)
	}
	f.resume.DownloadFailures++
	if f.resume.DownloadFailures == 1 && (isType(err, ErrorTypeMediaRefused) || isType(err, ErrorTypeMediaInvalid)) {
		return nil
	}
	wait := pollWait(f.policy, f.resume.DownloadFailures-1, 0, f.chance())
	if f.resume.DownloadFailures > maxQuickRetries && isType(err, ErrorTypeMediaInvalid) {
		// It comes wrong every time: only the vendor can change that, and each
		// look costs a call.
		wait = max(wait, partialWait(f.policy, f.chance()))
	}
	return f.waitOut(ctx, wait, message(err))
}

// maxQuickRetries is how many times a recording that is not whole is asked for
// again with the patience of a poll; later on with that of a day.
const maxQuickRetries = 3

// downloadMissing downloads every file that is not in the archive yet and
// waits for all of them. Of several errors it answers the one that matters
// most: a cancellation, then what a person has to mend.
func (f *fetch) downloadMissing(ctx workflow.Context) error {
	type download struct {
		file   RemoteFile
		future workflow.Future
	}
	var downloads []download
	for i, file := range f.files {
		if f.isDone(file) {
			continue
		}
		ctx := workflow.WithActivityOptions(ctx, transferOptions(fmt.Sprintf("file %d of %d", i+1, len(f.files))))
		downloads = append(downloads, download{file, workflow.ExecuteActivity(ctx, ActivityDownloadRecording, DownloadRecordingInput{
			BotID:     f.req.BotID,
			SessionID: f.req.SessionID,
			File:      file,
		})})
	}
	var worst error
	for _, d := range downloads {
		var recording Recording
		err := d.future.Get(ctx, &recording)
		switch {
		case err == nil:
			f.resume.Done = append(f.resume.Done, recording)
		case worst == nil, temporal.IsCanceledError(err), isBlocked(err) && !temporal.IsCanceledError(worst):
			worst = err
		}
	}
	return worst
}

func (f *fetch) isDone(file RemoteFile) bool {
	return slices.ContainsFunc(f.resume.Done, func(done Recording) bool { return done.Source == file.Source })
}

// unfinished are the names of the files that are not in the archive.
func (f *fetch) unfinished() []string {
	var names []string
	for _, file := range f.files {
		if !f.isDone(file) {
			names = append(names, file.ObjectName)
		}
	}
	return names
}

// archivedFiles are the files in the archive, in the upstream's order.
func (f *fetch) archivedFiles() []Recording {
	place := func(done Recording) int {
		return slices.IndexFunc(f.files, func(file RemoteFile) bool { return file.Source == done.Source })
	}
	ordered := slices.Clone(f.resume.Done)
	slices.SortStableFunc(ordered, func(a, b Recording) int { return place(a) - place(b) })
	return append([]Recording{}, ordered...) // never null in JSON
}

// message is an activity's error in its own words, without the SDK's frame.
func message(err error) string {
	var applicationError *temporal.ApplicationError
	if errors.As(err, &applicationError) {
		return applicationError.Message()
	}
	return err.Error()
}
