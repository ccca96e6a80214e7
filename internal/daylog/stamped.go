package daylog

import (
	"context"
	"strconv"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/failure"
)

// What ends the keys of a checkpoint that is stamped, and of its timestamp.
const (
	StampedSuffix = ".checkpoint"
	StampSuffix   = ".tsr"
)

// StampsPrefix returns what the keys of checkpoints with timestamps begin with.
func StampsPrefix(prefix string) string { return archive.LogPrefix(prefix) + "timestamps/" }

// KeepStamp writes a checkpoint of the log that [Log.Append] has returned, and the
// TimeStampResp of it. If the checkpoint was stamped before, the first timestamp is kept.
func (l *Log) KeepStamp(ctx context.Context, signed, stamp []byte) error {
	checkpoint, err := OpenCheckpoint(signed, l.key.verifier)
	if err != nil {
		return failure.Wrap(failure.InvalidInput, err)
	}
	at := StampsPrefix(l.prefix) + strconv.FormatInt(checkpoint.Size, 10)
	if _, err := l.store.WriteObject(ctx, at+StampedSuffix, contentTypeText, signed, ""); err != nil {
		return err
	}
	_, err = l.store.WriteObject(ctx, at+StampSuffix, "application/timestamp-reply", stamp, "")
	return err
}
