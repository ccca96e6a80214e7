package archive_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
)

func TestSettingsOfABucketAreThoseOfTheStore(t *testing.T) {
	store, server := openStore(t)
	exists, err := store.HasBucket(t.Context())
	require.NoError(t, err)
	require.True(t, exists)
	exists, err = openOn(t, server, "none").HasBucket(t.Context())
	require.NoError(t, err)
	require.False(t, exists)

	lock, err := store.BucketLock(t.Context())
	require.NoError(t, err)
	require.Zero(t, lock)
	versioning, err := store.BucketVersioning(t.Context())
	require.NoError(t, err)
	require.Equal(t, archive.VersioningOff, versioning)
	rules, err := store.BucketRules(t.Context())
	require.NoError(t, err)
	require.Zero(t, rules)
	all, enabled, err := store.BucketReplication(t.Context())
	require.NoError(t, err)
	require.Zero(t, all+enabled)

	server.RetainByDefault(bucket, "COMPLIANCE", 30)
	server.SetLifecycle(bucket, `<Rule><ID>a</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`)
	server.SetReplication(bucket, `<Rule><ID>a</ID><Status>Enabled</Status></Rule><Rule><ID>b</ID><Status>Disabled</Status></Rule>`)
	lock, err = store.BucketLock(t.Context())
	require.NoError(t, err)
	require.Equal(t, archive.BucketLock{Enabled: true, Mode: archive.Compliance, For: "30 DAYS"}, lock)
	versioning, err = store.BucketVersioning(t.Context())
	require.NoError(t, err)
	require.Equal(t, archive.VersioningOn, versioning)
	rules, err = store.BucketRules(t.Context())
	require.NoError(t, err)
	require.Equal(t, archive.BucketRules{AbortAfter: 7, Total: 1}, rules)
	all, enabled, err = store.BucketReplication(t.Context())
	require.NoError(t, err)
	require.Equal(t, []int{2, 1}, []int{all, enabled})
}

func TestRuleConcernsTheArchiveByItsPrefix(t *testing.T) {
	abort := "<AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
	expire := "<Expiration><Days>90</Days></Expiration>"
	for name, row := range map[string]struct {
		status, prefix, does string
		want                 archive.BucketRules
	}{
		"of the whole bucket":              {"Enabled", "", abort, archive.BucketRules{AbortAfter: 3}},
		"of the archive":                   {"Enabled", "calls/", abort, archive.BucketRules{AbortAfter: 3}},
		"of a part of it":                  {"Enabled", "calls/.callvault/", abort, archive.BucketRules{}},
		"of something else":                {"Enabled", "other/", abort, archive.BucketRules{}},
		"that is off":                      {"Disabled", "", abort, archive.BucketRules{}},
		"that deletes all":                 {"Enabled", "", expire, archive.BucketRules{Expiring: []string{"r"}}},
		"that deletes a bot's":             {"Enabled", "calls/st-1/", expire, archive.BucketRules{Expiring: []string{"r"}}},
		"that deletes working files alone": {"Enabled", "calls/.callvault/days/", expire, archive.BucketRules{}},
		"that deletes records of links":    {"Enabled", "calls/opened/", expire, archive.BucketRules{Expiring: []string{"r"}}},
		"that deletes something else":      {"Enabled", "other/", expire, archive.BucketRules{}},
	} {
		t.Run(name, func(t *testing.T) {
			store, server := openStore(t)
			server.SetLifecycle(bucket, "<Rule><ID>r</ID><Status>"+row.status+"</Status><Filter><Prefix>"+row.prefix+"</Prefix></Filter>"+row.does+"</Rule>")
			rules, err := store.BucketRules(t.Context())
			require.NoError(t, err)
			row.want.Total = 1
			require.Equal(t, row.want, rules)
		})
	}
}

func TestSettingThatMayNotBeReadIsNotTold(t *testing.T) {
	for code, status := range map[string]int{"AccessDenied": http.StatusForbidden, "NotImplemented": http.StatusNotImplemented} {
		store, server := openStore(t)
		for _, operation := range []s3test.Operation{s3test.GetObjectLock, s3test.GetBucketVersioning, s3test.GetBucketLifecycle, s3test.GetBucketReplication} {
			server.Add(s3test.Rule{Operation: operation, Status: status, Code: code})
		}
		_, lockErr := store.BucketLock(t.Context())
		_, versioningErr := store.BucketVersioning(t.Context())
		_, rulesErr := store.BucketRules(t.Context())
		_, _, replicationErr := store.BucketReplication(t.Context())
		for _, err := range []error{lockErr, versioningErr, rulesErr, replicationErr} {
			require.ErrorIs(t, err, archive.ErrNotTold)
			require.ErrorContains(t, err, code)
		}
	}
}

const trialKey = "calls/.callvault/doctor.json"

func TestObjectThatIsTriedIsDeleted(t *testing.T) {
	store, server := openStore(t)
	trial, err := store.TryObject(t.Context(), archive.BucketLock{})
	require.NoError(t, err)
	require.Equal(t, archive.Trial{Key: trialKey}, trial)
	require.Empty(t, server.Versions(bucket, trialKey))
	require.Equal(t, []s3test.Operation{s3test.PutObject, s3test.GetObject, s3test.DeleteObject}, server.Operations())

	server.SetVersioning(bucket, "Enabled")
	_, err = store.TryObject(t.Context(), archive.BucketLock{})
	require.NoError(t, err)
	require.Empty(t, server.Versions(bucket, trialKey), "no version and no delete marker is left")
}

func TestObjectThatMayNotBeDeletedStaysUnderOneKey(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.DeleteObject, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	for range 2 {
		trial, err := store.TryObject(t.Context(), archive.BucketLock{})
		require.NoError(t, err)
		require.Equal(t, archive.Trial{Key: trialKey, Kept: "AccessDenied"}, trial)
	}
	require.Equal(t, []string{trialKey}, server.Keys(bucket))
}

func TestObjectThatIsTriedIsLockedForAMinuteAtMost(t *testing.T) {
	store, server := openStore(t)
	server.RetainByDefault(bucket, "COMPLIANCE", 3650)
	lock, err := store.BucketLock(t.Context())
	require.NoError(t, err)
	trial, err := store.TryObject(t.Context(), lock)
	require.NoError(t, err)
	require.Equal(t, "AccessDenied", trial.Kept)
	kept := server.Versions(bucket, trialKey)[0].Kept
	require.Equal(t, "GOVERNANCE", kept["X-Amz-Object-Lock-Mode"])
	until, err := time.Parse(time.RFC3339, kept["X-Amz-Object-Lock-Retain-Until-Date"])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), until, 2*time.Minute)

	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied"})
	_, err = store.TryObject(t.Context(), lock)
	require.ErrorIs(t, err, archive.ErrWouldBeLocked)
	require.Len(t, server.Versions(bucket, trialKey), 1)
}

// A worker's policy lets it read no settings. Only a bucket with versions can lock.
func TestObjectIsNotLockedForLongIfTheLockIsNotTold(t *testing.T) {
	store, server := openStore(t)
	server.RetainByDefault(bucket, "COMPLIANCE", 3650)
	server.Add(s3test.Rule{Operation: s3test.GetObjectLock, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	probe(t, store)
	lock, err := store.BucketLock(t.Context())
	require.ErrorIs(t, err, archive.ErrMayNotAsk)
	require.Equal(t, archive.BucketLock{MayLock: true}, lock)
	_, err = store.TryObject(t.Context(), lock)
	require.NoError(t, err)
	require.Equal(t, "GOVERNANCE", server.Versions(bucket, trialKey)[0].Kept["X-Amz-Object-Lock-Mode"])

	server.Add(s3test.Rule{Operation: s3test.PutObject, Key: trialKey, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	_, err = store.TryObject(t.Context(), lock)
	require.ErrorIs(t, err, archive.ErrMayBeLocked)
	require.Len(t, server.Versions(bucket, trialKey), 1)
}

func TestObjectIsWrittenWithoutALockWhereThereIsNone(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.GetObjectLock, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	probe(t, store)
	lock, err := store.BucketLock(t.Context())
	require.ErrorIs(t, err, archive.ErrMayNotAsk)
	require.Zero(t, lock, "a bucket without versions locks nothing")

	server.SetVersioning(bucket, "Enabled")
	probeAgain(t, store)
	lock, err = store.BucketLock(t.Context())
	require.ErrorIs(t, err, archive.ErrMayNotAsk)
	require.True(t, lock.MayLock)
	_, err = store.TryObject(t.Context(), lock)
	require.NoError(t, err)
	require.Empty(t, server.Versions(bucket, trialKey))
}

func probeAgain(t *testing.T, store *archive.Store) {
	t.Helper()
	_, err := store.ProbeAgain(t.Context())
	require.NoError(t, err)
}

func TestObjectThatIsReadAsAnotherIsDamaged(t *testing.T) {
	store, server := openStore(t)
	server.Add(s3test.Rule{Operation: s3test.GetObject, Body: func(body []byte) []byte { return append(body, '!') }})
	_, err := store.TryObject(t.Context(), archive.BucketLock{})
	require.ErrorIs(t, err, archive.ErrMismatch)
}

func TestEachResponseOfTheStoreIsObserved(t *testing.T) {
	server := s3test.New(t, bucket)
	var seen []int
	store := openWith(t, server, func(c *archive.Config) {
		c.Observe = func(response *http.Response) { seen = append(seen, response.StatusCode) }
	})
	_, err := store.HasBucket(t.Context())
	require.NoError(t, err)
	_, err = store.TryObject(t.Context(), archive.BucketLock{})
	require.NoError(t, err)
	require.Equal(t, []int{200, 200, 200, 204}, seen)
}

func TestStoreIsProbedAgainIfThatIsAskedFor(t *testing.T) {
	store, server := openStore(t)
	require.Empty(t, probe(t, store))
	server.ForgetRequests()
	lacks, err := store.ProbeAgain(t.Context())
	require.NoError(t, err)
	require.Empty(t, lacks)
	require.Len(t, server.Requests(), 11)
}
