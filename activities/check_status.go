package activities

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

const (
	// urlLife is how long a media URL is kept that does not say when it
	// expires; its life is not documented, and 18 hours is the longest seen.
	urlLife = 18 * time.Hour

	// urlGrace lets the media server have the last word on an expiry: its
	// clock counts, not ours.
	urlGrace = 10 * time.Minute
)

// CheckStatus asks the upstream for a recording's status, with a token that is
// good for this one request.
type CheckStatus struct {
	Client *smartassist.Client
	Sealer *seal.Sealer
}

// Execute spends the token. It fails with [workflows.ErrorTypeTokenStale]
// before any call if the token can no longer be used.
func (a *CheckStatus) Execute(ctx context.Context, input workflows.CheckStatusInput) (*workflows.CheckStatusResult, error) {
	workflowID := activity.GetInfo(ctx).WorkflowExecution.ID
	token, err := a.Sealer.Open(seal.Token, workflowID, string(input.Token), time.Now())
	if err != nil {
		return nil, sealError(err, workflows.ErrorTypeTokenStale)
	}
	answer, err := a.Client.FetchRecordings(ctx, token, input.BotID, input.SessionID, input.UserID)
	if err != nil {
		return nil, upstreamError(err)
	}
	result := resultOf(answer.Status)
	result.Files, err = a.sealFiles(workflowID, answer.Files)
	return result, err
}

// resultOf says in the workflow's terms what a status means.
func resultOf(status string) *workflows.CheckStatusResult {
	meaning := smartassist.MeaningOf(status)
	result := &workflows.CheckStatusResult{Status: status, Meaning: meaning.Text, MinWait: meaning.MinWait}
	switch meaning.Action {
	case smartassist.Archive:
		result.Verdict = workflows.VerdictArchive
	case smartassist.EndUnavailable:
		result.Verdict, result.Outcome = workflows.VerdictFinal, workflows.OutcomeUnavailable
	case smartassist.EndFailed:
		result.Verdict, result.Outcome = workflows.VerdictFinal, workflows.OutcomeFailed
	case smartassist.RetryNextDay:
		result.Verdict, result.Phase = workflows.VerdictRetryNextDay, workflows.PhasePartialWait
	default:
		result.Verdict, result.Phase = workflows.VerdictPoll, phaseOf(status, meaning.Known)
	}
	return result
}

func phaseOf(status string, known bool) workflows.Phase {
	switch {
	case status == smartassist.StatusCallInProgress:
		return workflows.PhaseCallInProgress
	case known:
		return workflows.PhaseMediaInProgress
	default:
		return workflows.PhaseChecking
	}
}

// sealFiles names the files for the archive and seals their URLs.
func (a *CheckStatus) sealFiles(workflowID string, files []smartassist.File) ([]workflows.RemoteFile, error) {
	sources := make([]archive.SourceFile, 0, len(files))
	for _, file := range files {
		sources = append(sources, archive.SourceFile{Name: file.Name, Location: unsignedPart(file.URL)})
	}
	var remote []workflows.RemoteFile
	for _, named := range archive.NameFiles(sources) {
		file := files[named.Index]
		sealed, err := a.Sealer.Seal(seal.MediaURL, workflowID, file.URL, expiryOf(file.URL, time.Now()))
		if err != nil {
			return nil, err
		}
		remote = append(remote, workflows.RemoteFile{
			FileName:   file.Name,
			ObjectName: named.ObjectName,
			Source:     named.Source,
			URL:        workflows.SealedText(sealed),
		})
	}
	return remote, nil
}

// unsignedPart is what of a media URL stays the same from check to check:
// everything but the host, the expiry, the nonce and the signature.
func unsignedPart(mediaURL string) string {
	parsed, err := url.Parse(mediaURL)
	if err != nil {
		return ""
	}
	var parameters []string
	for parameter := range strings.SplitSeq(parsed.RawQuery, "&") {
		name, _, _ := strings.Cut(parameter, "=")
		if name != "e" && name != "n" && name != "s" {
			parameters = append(parameters, parameter)
		}
	}
	slices.Sort(parameters)
	return parsed.EscapedPath() + "?" + strings.Join(parameters, "&")
}

// expiryOf is until when a media URL is worth trying: its parameter e is a
// Unix second (seen in one sample).
func expiryOf(mediaURL string, now time.Time) time.Time {
	parsed, err := url.Parse(mediaURL)
	if err != nil {
		return now.Add(urlLife)
	}
	seconds, err := strconv.ParseInt(parsed.Query().Get("e"), 10, 64)
	if err != nil || seconds <= now.Unix() || seconds > now.Add(urlLife).Unix() {
		// It is something else than was seen, or a clock is wrong.
		return now.Add(urlLife)
	}
	return time.Unix(seconds, 0).Add(urlGrace)
}
