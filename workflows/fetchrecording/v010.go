package fetchrecording

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
)

// What a fetch that began under v0.1.0 does differently until it ends or
// continues as new: its history has to replay. In decide*.go its differences are
// marked by the field v010. All of this can go when no such fetch is running.

// changeAfterV010 names the change to histories: giving up needs an answer, waits
// grow with the age of the call, and a media URL is used more than once.
const changeAfterV010 = "after-v0.1.0"

// beganUnderV010 reports whether the run made an earlier decision that depends
// on the version under v0.1.0. One that only made ordinary decisions there goes
// on like a new one.
func beganUnderV010(ctx workflow.Context) bool {
	return flowOf(ctx) < workflows.FlowFewEvents && workflow.GetVersion(ctx, changeAfterV010, workflow.DefaultVersion, 1) == workflow.DefaultVersion
}

// maxQuickRetriesV010 is how often a recording that is not whole is requested
// again with the backoff of a poll; after that it is requested once a day.
const maxQuickRetriesV010 = 3

// afterBadDownloadV010 spends a check on another URL at once the first time.
func (s situation) afterBadDownloadV010(kind failure.Kind, text string, err error) next {
	note := text
	if isTimeout(err) {
		note, text = "A download ended without a response from its worker.", err.Error()
	}
	s.state.DownloadFailures++
	n := s.proceed(check)
	if s.state.DownloadFailures > 1 || kind != failure.MediaRefused && kind != failure.MediaInvalid {
		wait := pollWait(s.policy, s.state.DownloadFailures-1, 0, s.policy.PollMax, s.jitter)
		if s.state.DownloadFailures > maxQuickRetriesV010 && kind == failure.MediaInvalid {
			wait = max(wait, partialWait(s.policy, s.jitter))
		}
		n = s.waitFor(check, wait, workflows.PhaseChecking, text, "the download failed, next check")
	}
	n.note = note
	return n
}

// forgetUnlistedV010 drops the archived files that the vendor no longer lists.
func (s *situation) forgetUnlistedV010(files []RemoteFile) {
	if !s.v010 {
		return
	}
	s.state.Done = slices.DeleteFunc(slices.Clone(s.state.Done), func(done workflows.Recording) bool {
		return !slices.ContainsFunc(files, func(file RemoteFile) bool { return file.Source == done.Source })
	})
}
