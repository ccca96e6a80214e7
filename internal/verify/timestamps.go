package verify

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/daylog"
)

// stamped is a checkpoint that a timestamp is of.
type stamped struct {
	daylog.Checkpoint
	key string
}

// maxStamped bounds the checkpoints with timestamps that are looked at.
const maxStamped = 100_000

// findStamped returns the checkpoints with timestamps by their sizes. Each has to be one of
// the log, signed by its key.
func (v *run) findStamped() ([]stamped, error) {
	prefix := archive.LogPrefix(v.Prefix) + "timestamps/"
	var found []stamped
	for key, err := range v.source.KeysAfter(v.ctx, prefix, "") {
		if err != nil {
			return nil, v.hold(place{kind: KindTimestamp, key: prefix}, v.whyUnread(err))
		}
		name, isCheckpoint := strings.CutSuffix(key, ".checkpoint")
		if !isCheckpoint {
			continue
		}
		at := place{kind: KindTimestamp, key: key}
		checkpoint, err := v.readStamped(key, strings.TrimPrefix(name, prefix))
		if err := v.hold(at, err); err != nil {
			return nil, err
		}
		if err == nil && len(found) < maxStamped {
			found = append(found, stamped{checkpoint, key})
		}
	}
	slices.SortFunc(found, func(a, b stamped) int { return cmp.Compare(a.Size, b.Size) })
	return found, nil
}

func (v *run) readStamped(key, size string) (daylog.Checkpoint, error) {
	signed, err := v.read(key, daylog.MaxCheckpointBytes)
	if err != nil {
		return daylog.Checkpoint{}, err
	}
	checkpoint, err := daylog.OpenCheckpoint(signed, v.Key)
	switch {
	case err != nil:
		return checkpoint, problemf("%v", err)
	case strconv.FormatInt(checkpoint.Size, 10) != size:
		return checkpoint, problemf("it is of %d entries, and its name says another number", checkpoint.Size)
	case checkpoint.Size > v.checkpoint.Size:
		return checkpoint, problemf("it has %d entries, and the log has %d now: the log was put back", checkpoint.Size, v.checkpoint.Size)
	}
	return checkpoint, nil
}
