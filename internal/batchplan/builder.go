package batchplan

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/callvault/callvault/workflows"
	"github.com/callvault/callvault/workflows/batch"
)

// MaxBots bounds the bots of a batch: the place of each is in the history of every pass.
const MaxBots = 500

// maxUserBytes bounds the user ids of a batch, which are kept in memory while it is
// prepared: a million of 64 bytes.
const maxUserBytes = 64 << 20

// Builder collects the sessions of a batch. It holds some 24 bytes for each, and their
// user ids.
type Builder struct {
	// Repeated counts rows that were dropped before, because they repeat a session.
	Repeated int

	bots  []string
	byBot map[string][]entry
	users []byte
}

// entry is a session: its id in binary, and where its user id is.
type entry struct {
	id   [12]byte
	size uint16 // of the user id
	user uint32 // its place in users
}

// NewBuilder returns a builder without sessions.
func NewBuilder() *Builder { return &Builder{byBot: make(map[string][]entry)} }

// Add adds a valid session. It fails if the batch has too many bots or user ids, and then
// leaves the builder as it is.
func (b *Builder) Add(session workflows.BatchSession) error {
	e := entry{user: uint32(len(b.users)), size: uint16(len(session.UserID))} //nolint:gosec // bounded below, and a user id has at most 512 bytes
	if err := e.setID(session.SessionID); err != nil {
		return err
	}
	entries, known := b.byBot[session.BotID]
	switch {
	case !known && len(b.bots) == MaxBots:
		return fmt.Errorf("the list has more than %d bots: start several batches", MaxBots)
	case len(b.users)+len(session.UserID) > maxUserBytes:
		return fmt.Errorf("the user ids of the list have more than %d bytes: leave them out, or start several batches", maxUserBytes)
	case !known:
		b.bots = append(b.bots, session.BotID)
	}
	b.users = append(b.users, session.UserID...)
	b.byBot[session.BotID] = append(entries, e)
	return nil
}

// Plan is the order of a batch's sessions.
type Plan struct {
	Bots       []batch.BotRange
	Sessions   int
	Duplicates int
	// Bytes is the length of the text.
	Bytes int64

	builder *Builder
}

// Build orders the sessions: of each bot those first that the vendor purges first, and
// last those that it has purged already, if it keeps recordings as long as retention says;
// 0 if that is not known. A repeated session is dropped, its first row wins.
func (b *Builder) Build(now time.Time, retention time.Duration) *Plan {
	plan := &Plan{builder: b}
	slices.Sort(b.bots)
	for _, botID := range b.bots {
		entries := b.byBot[botID]
		slices.SortStableFunc(entries, func(x, y entry) int { return bytes.Compare(x.id[:], y.id[:]) })
		before := len(entries)
		entries = slices.CompactFunc(entries, func(x, y entry) bool { return x.id == y.id })
		plan.Duplicates += before - len(entries)
		if retention > 0 {
			entries = purgedLast(entries, now.Add(-retention))
		}
		b.byBot[botID] = entries
		bot := batch.BotRange{BotID: botID, Offset: plan.Bytes, Sessions: len(entries)}
		for _, e := range entries {
			plan.Bytes += int64(e.lineBytes())
		}
		bot.End = plan.Bytes
		plan.Bots = append(plan.Bots, bot)
		plan.Sessions += len(entries)
	}
	return plan
}

// purgedLast moves the sessions that are older than a time behind the others: nothing may
// be left of them, while the next ones can still be had.
func purgedLast(entries []entry, oldest time.Time) []entry {
	kept, _ := slices.BinarySearchFunc(entries, oldest.Unix(), func(e entry, at int64) int { return cmp.Compare(e.unix(), at) })
	slices.Reverse(entries[:kept]) // The three of them rotate the entries in place.
	slices.Reverse(entries[kept:])
	slices.Reverse(entries)
	return entries
}

func (e *entry) setID(sessionID string) error {
	if hex.DecodedLen(len(sessionID)) == len(e.id) {
		if _, err := hex.Decode(e.id[:], []byte(sessionID)); err == nil {
			return nil
		}
	}
	return fmt.Errorf("sessionId %.80q is malformed: want 24 hexadecimal digits", sessionID)
}

// unix returns the time that the session's id carries.
func (e entry) unix() int64 {
	return int64(e.id[0])<<24 | int64(e.id[1])<<16 | int64(e.id[2])<<8 | int64(e.id[3])
}

func (e entry) lineBytes() int {
	if e.size > 0 {
		return hex.EncodedLen(len(e.id)) + 1 + int(e.size) + 1
	}
	return hex.EncodedLen(len(e.id)) + 1
}

// Text returns the text of the plan, which has Bytes bytes.
func (p *Plan) Text() io.Reader { return &textReader{plan: p} }

// textReader writes one line after the other, so that the text is never in memory.
type textReader struct {
	plan     *Plan
	bot, row int
	line     []byte
	left     []byte
}

func (r *textReader) Read(buffer []byte) (int, error) {
	n := 0
	for n < len(buffer) {
		if len(r.left) == 0 && !r.next() {
			break
		}
		copied := copy(buffer[n:], r.left)
		r.left = r.left[copied:]
		n += copied
	}
	if n == 0 && len(buffer) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *textReader) next() bool {
	b := r.plan.builder
	for r.bot < len(b.bots) && r.row == len(b.byBot[b.bots[r.bot]]) {
		r.bot, r.row = r.bot+1, 0
	}
	if r.bot == len(b.bots) {
		return false
	}
	e := b.byBot[b.bots[r.bot]][r.row]
	r.row++
	r.line = hex.AppendEncode(r.line[:0], e.id[:])
	if e.size > 0 {
		r.line = append(r.line, ' ')
		r.line = append(r.line, b.users[e.user:e.user+uint32(e.size)]...)
	}
	r.line = append(r.line, '\n')
	r.left = r.line
	return true
}
