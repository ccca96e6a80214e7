package activities

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/media"
	"github.com/callvault/callvault/internal/seal"
	"github.com/callvault/callvault/workflows/fetchrecording"
)

// resumeLife is how long an unfinished upload may be continued. Many stores remove one
// after a day to a week.
const resumeLife = 7 * 24 * time.Hour

// resumePoint is where another attempt may continue a download: how far the media server
// was read, and the parts that the archive has of it. It is a hint: the store and the
// media server are asked whether they agree.
type resumePoint struct {
	// Source identifies the file.
	Source   string         `json:"source"`
	Position media.Position `json:"position"`
	Parts    archive.Parts  `json:"parts"`
}

// resume is the point of a download, in the clear and as it is recorded: sealed, because
// the state of the digest is believed, and whoever could change it could have a wrong one
// written into the manifest.
type resume struct {
	sealer     *seal.Sealer
	workflowID string
	source     string

	mu    sync.Mutex
	point *resumePoint
	text  fetchrecording.SealedText
}

func newResume(sealer *seal.Sealer, workflowID, source string) *resume {
	return &resume{sealer: sealer, workflowID: workflowID, source: source}
}

// load takes the point of an earlier attempt: that of this activity, which is the last one,
// or else the given one, of another activity. One that cannot be used is ignored.
func (r *resume) load(ctx context.Context, given fetchrecording.SealedText) {
	var last fetchrecording.DownloadProgress
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &last) == nil && last.Resume != "" {
		given = last.Resume
	}
	if given == "" {
		return
	}
	point, err := r.open(given)
	if err != nil {
		activity.GetLogger(ctx).Info("What an earlier attempt has stored cannot be used.", "because", err)
		return
	}
	if point.Source == r.source && point.Position.Offset == point.Parts.Bytes {
		r.point, r.text = point, given
	}
}

func (r *resume) open(sealed fetchrecording.SealedText) (*resumePoint, error) {
	text, err := r.sealer.Open(seal.Resume, r.workflowID, string(sealed), time.Now())
	if err != nil {
		return nil, err
	}
	point := new(resumePoint)
	return point, json.Unmarshal([]byte(text), point)
}

// bytes returns how many bytes of the file an unfinished upload has.
func (r *resume) bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.point == nil {
		return 0
	}
	return r.point.Parts.Bytes
}

// set records a point.
func (r *resume) set(position media.Position, parts archive.Parts) error {
	point := &resumePoint{Source: r.source, Position: position, Parts: parts}
	text, err := json.Marshal(point)
	if err != nil {
		return err
	}
	sealed, err := r.sealer.Seal(seal.Resume, r.workflowID, string(text), time.Now().Add(resumeLife))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.point, r.text = point, fetchrecording.SealedText(sealed)
	return nil
}

// forget drops the point.
func (r *resume) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.point, r.text = nil, ""
}

// sealed returns the point as it is recorded; empty if there is none.
func (r *resume) sealed() fetchrecording.SealedText {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text
}

// uploadID returns the id of the upload that is continued; empty if there is none.
func (r *resume) uploadID() string {
	if r.point == nil {
		return ""
	}
	return r.point.Parts.UploadID
}
