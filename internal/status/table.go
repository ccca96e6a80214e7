// Package status says what each recording status of the vendor means for a
// fetch. A new status is added to the table here, and nowhere else.
package status

import (
	"time"

	"github.com/callvault/callvault/workflows"
)

// Success is the one status that comes with files.
const Success = "success"

// Action is what a fetch does about a status.
type Action string

// The actions.
const (
	// Download: the files are available.
	Download Action = "download"
	// Poll: not yet; check again with exponential backoff.
	Poll Action = "poll"
	// RetryNextDay: not yet; check again after partialRetryAfter.
	RetryNextDay Action = "retry_next_day"
	// End: there will be no recording.
	End Action = "end"
)

// Meaning is what a status means for a fetch. It is part of an activity's
// result, so that a later change of the table alters no running history.
type Meaning struct {
	Action Action `json:"action"`

	// Phase of the fetch while it waits because of the status.
	Phase workflows.FetchPhase `json:"phase,omitempty"`

	// Outcome of the fetch if the action is End.
	Outcome workflows.Outcome `json:"outcome,omitempty"`

	// MinWait is the shortest wait that the vendor advises before the next
	// check, within the bounds of the policy. In nanoseconds; 0 for none.
	MinWait time.Duration `json:"minWait,omitempty"`

	// Text explains the status to the operator.
	Text string `json:"meaning"`
}

// Of returns the meaning of a status. The vendor's statuses are an open set: an
// unknown one is kept as it is and checked again.
func Of(name string) Meaning {
	if meaning, known := table[name]; known {
		return meaning
	}
	return Meaning{Action: Poll, Phase: workflows.PhaseChecking, Text: "a status that neither the vendor's page nor its console documents"}
}

// partialText repeats the words of the vendor's page.
const partialText = "the URL is not generated as the call or media generation is in progress; the vendor says to retry after 24 hours"

// table is to be read next to "Recording Statuses" on the vendor's page "Fetch
// Call Recording (Version 2)", whose words the texts repeat. The second half
// follows the documentation of the vendor's console.
var table = map[string]Meaning{
	Success:                   {Action: Download, Text: "the URL is generated"},
	"failed":                  {Action: End, Outcome: workflows.OutcomeFailed, Text: "the URL was not generated (permanent failure)"},
	"media_unavailable":       {Action: End, Outcome: workflows.OutcomeUnavailable, Text: "the recording is not available on the server: recording was off, it was deleted or purged, or it is not there yet"},
	"call_in_progress":        {Action: Poll, Phase: workflows.PhaseCallInProgress, Text: "the call is ongoing"},
	"media_in_progress":       {Action: Poll, Phase: workflows.PhaseMediaInProgress, Text: "the call has ended and its media is not generated yet"},
	"partial_download_failed": {Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: partialText},
	"partial_upload_failed":   {Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: partialText},

	"partial_failed":       {Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: "a part of the media is missing; the vendor retries after 24 hours"},
	"fetching_in_progress": {Action: Poll, Phase: workflows.PhaseMediaInProgress, Text: "the vendor is fetching the media"},
	"initial_fetch_failed": {Action: RetryNextDay, Phase: workflows.PhasePartialWait, Text: "the vendor's first attempt to fetch the media failed; it retries after 24 hours"},
	"retry_failed":         {Action: Poll, Phase: workflows.PhaseMediaInProgress, Text: "the vendor's retry failed; it says to try again after 15 minutes", MinWait: 15 * time.Minute},
	"24hr_retry_failed":    {Action: End, Outcome: workflows.OutcomeFailed, Text: "the vendor's last retry, after 24 hours, failed"},
}
