package activities

import (
	"context"
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

// CheckStatus calls the vendor's API for a recording's status, with a token that
// is good for this one request.
type CheckStatus struct {
	Served *account.Served
	Slots  CallSlots
}

// Execute spends the token. It fails with failure.TokenStale before any call if
// the token can no longer be used.
func (a *CheckStatus) Execute(ctx context.Context, input fetchrecording.CheckStatusInput) (*fetchrecording.CheckStatusResult, error) {
	served, err := a.Served.Of(input.BotID)
	if err != nil {
		a.report(ctx, nil, input, errWithdrawn)
		return nil, activityError(err)
	}
	workflowID := activity.GetInfo(ctx).WorkflowExecution.ID
	token, err := served.Sealer.Open(seal.Token, workflowID, string(input.Token), time.Now())
	if err != nil {
		a.report(ctx, served, input, err)
		return nil, sealError(err, failure.TokenStale)
	}
	if err := a.awaitSlot(ctx, input.Slot); err != nil {
		a.report(ctx, served, input, err)
		return nil, activityError(err)
	}
	response, err := served.Client.FetchRecordings(ctx, token, input.Session, input.UserID)
	countCheck(ctx, served, response, err)
	a.report(ctx, served, input, err)
	if err != nil {
		return nil, activityError(err)
	}
	meaning := status.Of(response.Status)
	if response.Text != "" {
		meaning.Text += ": " + response.Text
	}
	files, err := sealFiles(served.Sealer, workflowID, response.Files, input.Archived)
	return &fetchrecording.CheckStatusResult{Status: response.Status, Meaning: meaning, Files: files}, err
}

// sealFiles names the files for the archive, where some may have a name already,
// and seals their URLs.
func sealFiles(sealer *seal.Sealer, workflowID string, files []smartassist.File, archived map[string]string) ([]fetchrecording.RemoteFile, error) {
	sources := make([]archive.SourceFile, 0, len(files))
	for _, file := range files {
		sources = append(sources, archive.SourceFile{Name: file.Name, Location: unsignedPart(file.URL)})
	}
	var remote []fetchrecording.RemoteFile
	for _, named := range archive.NameFiles(sources, archived) {
		file := files[named.Index]
		sealed, err := sealer.Seal(seal.MediaURL, workflowID, file.URL, expiryOf(file.URL, time.Now()))
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
