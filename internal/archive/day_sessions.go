package archive

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/callvault/callvault/workflows"
)

// MaxDaySessions bounds the sessions of one day of a bot.
const MaxDaySessions = 1_000_000

// DaySessions returns which sessions of a day have a manifest, by one LIST for 1,000
// objects. known is false if the archive's key template does not have the date, so that they
// cannot be listed by day.
func (s *Store) DaySessions(ctx context.Context, day workflows.Day) (withManifest map[string]bool, known bool, err error) {
	folder, known, err := s.dayFolder(day)
	if err != nil || !known {
		return nil, known, err
	}
	withManifest = make(map[string]bool)
	for key, err := range s.ListKeys(ctx, folder) {
		if err != nil {
			return nil, true, err
		}
		name, isManifest := strings.CutSuffix(strings.TrimPrefix(key, folder), "/"+ManifestName)
		if !isManifest {
			continue
		}
		session := workflows.Session{BotID: day.BotID, SessionID: name}
		if callTime, err := session.CallTime(); err != nil || callTime.Format(time.DateOnly) != day.Date {
			continue
		}
		if withManifest[name] = true; len(withManifest) > MaxDaySessions {
			return nil, true, fmt.Errorf("%w: s3://%s/%s has more than %d sessions, which is more than a day can have", ErrBlocked, s.bucket, folder, MaxDaySessions)
		}
	}
	return withManifest, true, nil
}

// dayFolder returns what the keys of the sessions of a day begin with, up to the session's id.
func (s *Store) dayFolder(day workflows.Day) (folder string, known bool, err error) {
	begin, err := day.Begin()
	if err != nil {
		return "", false, err
	}
	for field := range dateFields {
		if !strings.Contains(s.config.KeyTemplate.String(), field) {
			return "", false, nil
		}
	}
	first := workflows.Session{BotID: day.BotID, SessionID: fmt.Sprintf("%08x%016x", begin.Unix(), 0)}
	folder, err = s.Folder(first)
	return strings.TrimSuffix(folder, first.SessionID+"/"), true, err
}
