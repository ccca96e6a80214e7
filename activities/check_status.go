package activities

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/internal/status"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

const (
	// urlLife is how long a media URL is kept that does not say when it
	// expires; its life is not documented, and 18 hours is the longest seen.
	urlLife = 18 * time.Hour

	// urlGrace leaves the decision on an expiry to the media server: its clock
	// counts, not ours.
	urlGrace = 10 * time.Minute
)

// CheckStatus calls the vendor's API for a recording's status, with a token that
// is good for this one request.
type CheckStatus struct {
	Account *account.Account
}

// Execute spends the token. It fails with failure.TokenStale before any call if
// the token can no longer be used.
func (a *CheckStatus) Execute(ctx context.Context, input fetchrecording.CheckStatusInput) (*fetchrecording.CheckStatusResult, error) {
	workflowID := activity.GetInfo(ctx).WorkflowExecution.ID
	token, err := a.Account.Sealer.Open(seal.Token, workflowID, string(input.Token), time.Now())
	if err != nil {
		return nil, sealError(err, failure.TokenStale)
	}
	response, err := a.Account.Client.FetchRecordings(ctx, token, input.Session, input.UserID)
	if err != nil {
		return nil, activityError(err)
	}
	files, err := a.sealFiles(workflowID, response.Files)
	return &fetchrecording.CheckStatusResult{Status: response.Status, Meaning: status.Of(response.Status), Files: files}, err
}

// sealFiles names the files for the archive and seals their URLs.
func (a *CheckStatus) sealFiles(workflowID string, files []smartassist.File) ([]fetchrecording.RemoteFile, error) {
	sources := make([]archive.SourceFile, 0, len(files))
	for _, file := range files {
		sources = append(sources, archive.SourceFile{Name: file.Name, Location: unsignedPart(file.URL)})
	}
	var remote []fetchrecording.RemoteFile
	for _, named := range archive.NameFiles(sources) {
		file := files[named.Index]
		sealed, err := a.Account.Sealer.Seal(seal.MediaURL, workflowID, file.URL, expiryOf(file.URL, time.Now()))
		if err != nil {
			return nil, err
		}
		remote = append(remote, fetchrecording.RemoteFile{
			FileName:   file.Name,
			ObjectName: named.ObjectName,
			Source:     named.Source,
			URL:        fetchrecording.SealedText(sealed),
		})
	}
	return remote, nil
}

// unsignedPart returns what of a media URL is the same at every check:
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

// expiryOf returns until when a media URL is worth trying: its parameter e is a
// Unix second (seen in one sample).
func expiryOf(mediaURL string, now time.Time) time.Time {
	parsed, err := url.Parse(mediaURL)
	if err != nil {
		return now.Add(urlLife)
	}
	seconds, err := strconv.ParseInt(parsed.Query().Get("e"), 10, 64)
	if err != nil || seconds <= now.Unix() || seconds > now.Add(urlLife).Unix() {
		// The parameter means something else, or a clock is wrong.
		return now.Add(urlLife)
	}
	return time.Unix(seconds, 0).Add(urlGrace)
}
