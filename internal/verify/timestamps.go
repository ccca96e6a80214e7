package verify

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/callvault/callvault/internal/daylog"
	"github.com/callvault/callvault/internal/timestamp"
)

// stamped is a checkpoint that a timestamp is of.
type stamped struct {
	daylog.Checkpoint
	key string
}

// maxStamped bounds the checkpoints with timestamps that are looked at.
const maxStamped = 100_000

// findStamped returns the checkpoints with timestamps by their sizes. Each has to be one of
// the log, signed by its key. Those that have more entries than the log are kept as later.
func (v *run) findStamped() ([]stamped, error) {
	prefix := daylog.StampsPrefix(v.Prefix)
	var found []stamped
	more := 0
	for key, err := range v.source.KeysAfter(v.ctx, prefix, "") {
		if err != nil {
			return nil, v.hold(place{kind: KindTimestamp, key: prefix}, v.whyUnread(err))
		}
		at := place{kind: KindTimestamp, key: key}
		if checkpointKey, isStamp := strings.CutSuffix(key, daylog.StampSuffix); isStamp {
			if err := v.hold(at, v.checkStamp(key, checkpointKey+daylog.StampedSuffix)); err != nil {
				return nil, err
			}
		}
		name, isCheckpoint := strings.CutSuffix(key, daylog.StampedSuffix)
		if !isCheckpoint {
			continue
		}
		checkpoint, err := v.readStamped(key, strings.TrimPrefix(name, prefix))
		if err := v.hold(at, err); err != nil {
			return nil, err
		}
		switch {
		case err != nil:
		case len(found)+len(v.later) < maxStamped && checkpoint.Size > v.checkpoint.Size:
			v.later = append(v.later, stamped{checkpoint, key})
		case len(found)+len(v.later) < maxStamped:
			found = append(found, stamped{checkpoint, key})
		default:
			more++
		}
	}
	if more > 0 {
		v.report.note("%d checkpoints with timestamps were not compared with the log: only %d are", more, maxStamped)
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
	}
	return checkpoint, nil
}

// checkStamp compares what an authority has stamped with the checkpoint beside it. Its signature
// is not verified: whom to trust is for the reader to decide.
func (v *run) checkStamp(key, checkpointKey string) error {
	response, err := v.read(key, timestamp.MaxBytes)
	if err != nil {
		return err
	}
	checkpoint, err := v.read(checkpointKey, daylog.MaxCheckpointBytes)
	if err != nil {
		return err
	}
	stamp, err := timestamp.Parse(response)
	switch {
	case err != nil:
		return problemf("%v", err)
	case !stamp.Covers(checkpoint):
		return problemf("it is not a timestamp of the checkpoint beside it")
	}
	return nil
}
