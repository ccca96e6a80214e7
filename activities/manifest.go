package activities

import (
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/workflows"
)

// The manifest and the workflow's result say the same in two formats, because
// the one lies in an archive for years and the other follows the code.

// sessionFolder is where the objects of a session lie, and when its call began.
func sessionFolder(store *archive.Store, botID, sessionID string) (folder string, callTime time.Time, err error) {
	callTime, err = workflows.CallTime(sessionID)
	if err != nil {
		return "", time.Time{}, temporal.NewNonRetryableApplicationError(err.Error(), workflows.ErrorTypeInvalidInput, nil)
	}
	return archive.Folder(store.Prefix(), botID, sessionID, callTime), callTime, nil
}

func resultFrom(store *archive.Store, folder string, m *archive.Manifest) workflows.FetchResult {
	recordings := make([]workflows.Recording, 0, len(m.Files))
	for _, file := range m.Files {
		recordings = append(recordings, workflows.Recording{
			FileName:            file.FileName,
			Bucket:              store.Bucket(),
			Key:                 file.Key,
			Bytes:               file.Bytes,
			SHA256:              file.SHA256,
			ContentType:         file.ContentType,
			DeclaredContentType: file.DeclaredContentType,
			Format:              file.Format,
			CallTime:            m.CallTime,
			Source:              file.Source,
		})
	}
	return workflows.FetchResult{
		BotID:        m.BotID,
		SessionID:    m.SessionID,
		Outcome:      workflows.Outcome(m.Outcome),
		Status:       m.Status,
		Reason:       m.Reason,
		Recordings:   recordings,
		Manifest:     workflows.ObjectRef{Bucket: store.Bucket(), Key: folder + archive.ManifestName},
		StatusChecks: m.StatusChecks,
		StartedAt:    m.StartedAt,
		FinishedAt:   m.FinishedAt,
	}
}

func manifestFrom(input workflows.WriteManifestInput, callTime time.Time) *archive.Manifest {
	result := input.Result
	files := make([]archive.File, 0, len(result.Recordings))
	for _, recording := range result.Recordings {
		files = append(files, archive.File{
			FileName:            recording.FileName,
			Key:                 recording.Key,
			Bytes:               recording.Bytes,
			SHA256:              recording.SHA256,
			ContentType:         recording.ContentType,
			DeclaredContentType: recording.DeclaredContentType,
			Format:              recording.Format,
			Source:              recording.Source,
		})
	}
	return &archive.Manifest{
		BotID:        result.BotID,
		SessionID:    result.SessionID,
		BatchID:      input.BatchID,
		CallTime:     callTime,
		Outcome:      string(result.Outcome),
		Status:       result.Status,
		Reason:       result.Reason,
		Files:        files,
		StatusChecks: result.StatusChecks,
		StartedAt:    result.StartedAt,
		FinishedAt:   result.FinishedAt,
	}
}
