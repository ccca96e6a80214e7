package archive

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

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
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: folder, Recursive: true}) {
		if object.Err != nil {
			return nil, true, s.storeError("list", folder, object.Err)
		}
		name, isManifest := strings.CutSuffix(strings.TrimPrefix(object.Key, folder), "/"+ManifestName)
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

// DayRevisions returns the revisions of a day whose record is in the archive, ascending, and
// those of which only the rows are there.
func (s *Store) DayRevisions(ctx context.Context, day workflows.Day) (records, rowsOnly []int, err error) {
	folder, err := s.DayPrefix(day)
	if err != nil {
		return nil, nil, err
	}
	found := make(map[int]map[DayFile]bool)
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: folder + "r"}) {
		if object.Err != nil {
			return nil, nil, s.storeError("list", folder, object.Err)
		}
		_, revision, file, ok := ParseDayKey(s.prefix, object.Key)
		if !ok {
			continue
		}
		if found[revision] == nil {
			found[revision] = make(map[DayFile]bool)
		}
		found[revision][file] = true
	}
	for _, revision := range slices.Sorted(maps.Keys(found)) {
		switch files := found[revision]; {
		case files[DayRecordFile]:
			records = append(records, revision)
		case files[DayRowsFile]:
			rowsOnly = append(rowsOnly, revision)
		}
	}
	return records, rowsOnly, nil
}
