package activities

import (
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/audio"
	"github.com/callvault/callvault/internal/failure"
	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// The manifest and the workflow's result say the same in two formats, because
// the one is kept in an archive for years and the other follows the code.

func resultFrom(store *archive.Store, m *archive.Manifest) (*workflows.FetchResult, error) {
	key, err := store.ManifestKey(m.Session)
	if err != nil {
		return nil, err
	}
	return &workflows.FetchResult{
		Session:      m.Session,
		Outcome:      workflows.Outcome(m.Outcome),
		Source:       workflows.SourceManifest,
		Status:       m.Status,
		Reason:       m.Reason,
		Recordings:   recordingsFrom(store, m),
		Attachments:  attachmentsFrom(store, m),
		LeftOut:      m.LeftOut,
		Manifest:     workflows.ObjectRef{Bucket: store.Bucket(), Key: key},
		StatusChecks: m.StatusChecks,
		StartedAt:    m.StartedAt,
		FinishedAt:   m.FinishedAt,
	}, nil
}

func recordingsFrom(store *archive.Store, m *archive.Manifest) []workflows.Recording {
	recordings := make([]workflows.Recording, 0, len(m.Files))
	for _, file := range m.Files {
		recordings = append(recordings, workflows.Recording{
			FileName:            file.FileName,
			Bucket:              store.Bucket(),
			Key:                 file.Key,
			Bytes:               file.Bytes,
			SHA256:              file.SHA256,
			StoreChecksum:       checksumFrom(file.StoreChecksum),
			ContentType:         file.ContentType,
			DeclaredContentType: file.DeclaredContentType,
			Format:              file.Format,
			CallTime:            m.CallTime,
			Source:              file.Source,
			Audio:               findingsFrom(file.Audio),
			Remarks:             file.Remarks,
			NoLongerListed:      file.NoLongerListed,
		})
	}
	return recordings
}

func manifestFrom(input fetchrecording.WriteManifestInput) (*archive.Manifest, error) {
	result := input.Result
	callTime, err := result.CallTime()
	if err != nil {
		return nil, failure.Wrap(failure.InvalidInput, err)
	}
	files := make([]archive.File, 0, len(result.Recordings))
	for _, recording := range result.Recordings {
		files = append(files, archive.File{
			FileName:            recording.FileName,
			Key:                 recording.Key,
			Bytes:               recording.Bytes,
			SHA256:              recording.SHA256,
			StoreChecksum:       checksumOf(recording),
			ContentType:         recording.ContentType,
			DeclaredContentType: recording.DeclaredContentType,
			Format:              recording.Format,
			Source:              recording.Source,
			Audio:               findingsOf(recording),
			Remarks:             recording.Remarks,
			NoLongerListed:      recording.NoLongerListed,
		})
	}
	return &archive.Manifest{
		Session:      result.Session,
		BatchID:      input.BatchID,
		CallTime:     callTime,
		Outcome:      string(result.Outcome),
		Status:       result.Status,
		Reason:       result.Reason,
		Files:        files,
		Attachments:  attachmentsOf(result),
		LeftOut:      result.LeftOut,
		StatusChecks: result.StatusChecks,
		StartedAt:    result.StartedAt,
		FinishedAt:   result.FinishedAt,
		Evidence:     input.Evidence,
	}, nil
}

func checksumFrom(checksum *archive.Checksum) *workflows.StoreChecksum {
	return (*workflows.StoreChecksum)(checksum)
}

func checksumOf(recording workflows.Recording) *archive.Checksum {
	return (*archive.Checksum)(recording.StoreChecksum)
}

func findingsFrom(found *audio.Findings) *workflows.AudioFindings {
	if found == nil {
		return nil
	}
	return &workflows.AudioFindings{
		Encoding: found.Encoding, Channels: found.Channels, SampleRate: found.SampleRate,
		DurationSeconds: found.DurationSeconds, Silence: found.Silence,
		FLACMD5: string(found.FLACMD5), FLACDecoding: string(found.FLACDecoding), FLACFailsAtByte: found.FLACFailsAtByte,
	}
}

func findingsOf(recording workflows.Recording) *audio.Findings {
	found := recording.Audio
	if found == nil {
		return nil
	}
	return &audio.Findings{
		Encoding: found.Encoding, Channels: found.Channels, SampleRate: found.SampleRate,
		DurationSeconds: found.DurationSeconds, Silence: found.Silence,
		FLACMD5: audio.MD5Finding(found.FLACMD5), FLACDecoding: audio.DecodingFinding(found.FLACDecoding), FLACFailsAtByte: found.FLACFailsAtByte,
	}
}
