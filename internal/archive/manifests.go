package archive

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/callvault/callvault/workflows"
)

// sparse is how many objects are listed for each session before the rest of a day is looked
// up one by one: a day of a hundred thousand calls has two hundred pages.
const sparse = 100

// fewSessions is how many sessions of one day are looked up one by one. A LIST costs as
// much as a dozen of the requests that look up one.
const fewSessions = 12

// Manifests returns those of the sessions that have a manifest, whatever it says. Sessions
// of one bot and day cost one LIST for 1,000 objects between the first and the last of
// them; a few sessions, or those of a day with very many others, one HEAD each.
func (s *Store) Manifests(ctx context.Context, sessions []workflows.Session) (map[workflows.Session]bool, error) {
	found := make(map[workflows.Session]bool)
	days := make(map[string][]workflows.Session)
	for _, session := range sessions {
		folder, err := s.Folder(session)
		if err != nil {
			return nil, err
		}
		day := strings.TrimSuffix(folder, session.SessionID+"/")
		days[day] = append(days[day], session)
	}
	for day, ofDay := range days {
		look := s.listManifests
		if len(ofDay) <= fewSessions {
			look = s.statManifests
		}
		if err := look(ctx, day, ofDay, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// statManifests looks up one manifest after the other.
func (s *Store) statManifests(ctx context.Context, day string, sessions []workflows.Session, found map[workflows.Session]bool) error {
	for _, session := range sessions {
		key := day + session.SessionID + "/" + ManifestName
		_, err := s.client.StatObject(ctx, s.bucket, key, minio.StatObjectOptions{})
		switch {
		case err == nil:
			found[session] = true
		case !isNotFound(err):
			return s.storeError("inspect", key, s.reasonFor(ctx, err))
		}
	}
	return nil
}

// listManifests lists the objects of a day from the first of the sessions to the last.
func (s *Store) listManifests(ctx context.Context, day string, sessions []workflows.Session, found map[workflows.Session]bool) error {
	wanted := make(map[string]workflows.Session, len(sessions))
	for _, session := range sessions {
		wanted[session.SessionID] = session
	}
	byID := func(a, b workflows.Session) int { return strings.Compare(a.SessionID, b.SessionID) }
	first, last := slices.MinFunc(sessions, byID).SessionID, slices.MaxFunc(sessions, byID).SessionID
	listed := 0
	for object := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: day, Recursive: true, StartAfter: day + first}) {
		if object.Err != nil {
			return s.storeError("list", day, object.Err)
		}
		sessionID, name, _ := strings.Cut(strings.TrimPrefix(object.Key, day), "/")
		if listed++; listed > sparse*len(sessions) {
			return s.statManifests(ctx, day, slices.Collect(maps.Values(wanted)), found)
		}
		if sessionID > last {
			return nil
		}
		if session, ok := wanted[sessionID]; ok && name == ManifestName {
			found[session] = true
			if delete(wanted, sessionID); len(wanted) == 0 {
				return nil
			}
		}
	}
	return ctx.Err() // A listing that is cancelled between two pages just ends.
}
