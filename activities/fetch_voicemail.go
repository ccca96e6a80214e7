package activities

import (
	"context"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// voicemail fetches the files of the call's voicemail, one after the other.
func (f *attachmentFetch) voicemail(ctx context.Context, result *fetchrecording.FetchAttachmentsResult) error {
	var found *smartassist.Voicemail
	err := f.call(ctx, f.account.VoicemailBox(), func(token string) (err error) {
		found, err = f.account.Client.Voicemail(ctx, token, f.input.Session)
		return err
	})
	if err != nil {
		return err
	}
	if found.Unusable != "" {
		f.leaveOut(result, "the vendor's response is not understood: "+found.Unusable)
		return nil
	}
	sources := make([]archive.SourceFile, 0, len(found.Files))
	for _, file := range found.Files {
		sources = append(sources, archive.SourceFile{Name: file.Name, Location: unsignedPart(file.URL)})
	}
	folder, err := f.account.Store.Folder(f.input.Session)
	if err != nil {
		return err
	}
	for _, named := range archive.NameVoicemail(sources) {
		stored, err := f.voicemailFile(ctx, folder+named.ObjectName, found.Files[named.Index].URL)
		if err != nil {
			return err
		}
		f.keep(result, stored)
	}
	return nil
}

// voicemailFile streams one file into the archive, unless that has it.
func (f *attachmentFetch) voicemailFile(ctx context.Context, key, mediaURL string) (*archive.Attachment, error) {
	store := f.account.Store
	if f.again {
		if err := store.CleanUp(ctx, key, ""); err != nil {
			return nil, err
		}
		if found, err := store.FindAttachment(ctx, workflows.AttachmentVoicemail, key); found != nil || err != nil {
			return found, err
		}
	}
	f.paused.Store(false)
	defer f.paused.Store(true)
	stream, buffer, free, err := f.openVoicemail(ctx, mediaURL)
	if err != nil {
		return nil, expiredOr(err, mediaURL)
	}
	defer free()
	defer stream.Close()
	stored, err := store.PutAttachment(ctx, workflows.AttachmentVoicemail, archive.Upload{
		Key: key, Source: stream, Length: stream.Length, ContentType: stream.Format.ContentType, Buffer: buffer, Session: f.input.Session,
		Sending:  func(n int) { f.sent.Add(int64(n)) },
		Awaiting: f.atStore.Store,
	})
	return stored, expiredOr(err, mediaURL)
}

// openVoicemail opens a file, with the memory for its parts if its length is not known.
func (f *attachmentFetch) openVoicemail(ctx context.Context, mediaURL string) (stream *media.Stream, buffer []byte, free func(), err error) {
	free = func() {}
	if stream, err = f.openWhole(ctx, f.account.Fetcher, mediaURL); err != nil || stream.Length >= 0 {
		return stream, nil, free, err
	}
	if buffer, free = f.Buffers.TryTake(); buffer != nil {
		return stream, buffer, free, nil
	}
	// No media server holds a connection open for as long as this may take.
	stream.Close()
	if buffer, free, err = f.awaitBuffer(ctx, f.Buffers); err != nil {
		return nil, nil, nil, err
	}
	f.paused.Store(false)
	if stream, err = f.openWhole(ctx, f.account.Fetcher, mediaURL); err != nil {
		free()
		return nil, nil, nil, err
	}
	return stream, buffer, free, nil
}
