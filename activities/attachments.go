package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// What belongs to a call, in the manifest and in the workflow's result.

func attachmentFrom(store *archive.Store, stored archive.Attachment) workflows.Attachment {
	return workflows.Attachment{
		Kind: stored.Kind, Bucket: store.Bucket(), Key: stored.Key, Bytes: stored.Bytes, SHA256: stored.SHA256, ContentType: stored.ContentType,
	}
}

func attachmentsFrom(store *archive.Store, m *archive.Manifest) []workflows.Attachment {
	var attachments []workflows.Attachment
	for _, stored := range m.Attachments {
		attachments = append(attachments, attachmentFrom(store, stored))
	}
	return attachments
}

func attachmentsOf(result workflows.FetchResult) []archive.Attachment {
	var attachments []archive.Attachment
	for _, one := range result.Attachments {
		attachments = append(attachments, archive.Attachment{Kind: one.Kind, Key: one.Key, Bytes: one.Bytes, SHA256: one.SHA256, ContentType: one.ContentType})
	}
	return attachments
}

// addCall adds what the lists say of the call to a manifest, if the account keeps it and the
// archive has it, and what follows from the length of the call for its recordings. It returns
// the call as it was read; nil if there is none.
func addCall(ctx context.Context, served *account.Account, m *archive.Manifest) (*archive.StoredCall, error) {
	if !served.CallDetails {
		return nil, nil
	}
	call, err := served.Store.ReadCall(ctx, m.Session)
	switch {
	case errors.Is(err, archive.ErrInvalidCall):
		m.LeftOut = append(slices.Clone(m.LeftOut), workflows.LeftOut{Kind: workflows.AttachmentCall, Reason: err.Error()})
		return nil, nil
	case err != nil || call == nil:
		return nil, err
	}
	m.Attachments = append(slices.Clone(m.Attachments), call.Attachment)
	for i := range m.Files {
		addRemarks(&m.Files[i], call.Length())
	}
	return call, nil
}

// addRemarks adds what the length of its call says of a file.
func addRemarks(file *archive.File, callLength time.Duration) {
	remarks := slices.Clone(file.Remarks)
	for _, remark := range file.Audio.Remarks(callLength) {
		if !slices.Contains(remarks, remark) {
			remarks = append(remarks, remark)
		}
	}
	file.Remarks = remarks
}

// keepCall makes sure that the archive has the call that the manifest refers to. Whether it
// succeeds or not, the manifest is written.
func keepCall(ctx context.Context, served *account.Account, written *archive.Manifest, call *archive.StoredCall) {
	if err := served.Store.KeepCall(ctx, written, call); err != nil {
		activity.GetLogger(ctx).Warn("The archive may have another call.json than the manifest refers to.", "error", err)
	}
}
