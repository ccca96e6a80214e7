package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/config"
	"github.com/callvault/callvault/internal/secret"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/internal/temporalclient"
	"github.com/callvault/callvault/workflows"
)

const bucketName = "recordings"

// checkStore returns what is found in a store.
func checkStore(t *testing.T, server *s3test.Server, changes ...func(*archive.Config)) map[Name]Finding {
	t.Helper()
	config := archive.Config{Endpoint: server.URL, Bucket: bucketName, Region: "us-east-1", Prefix: "calls/", Credentials: credentials.NewStaticV4("key", "canary-secret", "")}
	for _, change := range changes {
		change(&config)
	}
	checked := &store{section: section{account: "acme"}, config: config, writing: new(sync.Mutex)}
	checked.check(t.Context())
	return byName(t, checked.findings, "acme")
}

func byName(t *testing.T, findings []Finding, account string) map[Name]Finding {
	t.Helper()
	found := make(map[Name]Finding)
	for _, one := range findings {
		require.NotContains(t, found, one.Name, "it is checked twice")
		require.Equal(t, account, one.Account)
		found[one.Name] = one
	}
	return found
}

const abortAfterAWeek = "<Rule><ID>r</ID><Status>Enabled</Status><Filter><Prefix/></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>"

func TestStoreThatHasEverythingIsFine(t *testing.T) {
	server := s3test.New(t, bucketName)
	server.SetVersioning(bucketName, "Enabled")
	server.SetLifecycle(bucketName, abortAfterAWeek)
	server.SetReplication(bucketName, "<Rule><ID>a</ID><Status>Enabled</Status></Rule>")
	found := checkStore(t, server)
	for name, says := range map[Name]string{
		ArchiveKeys: "keys", ArchiveBucket: "there is a bucket recordings at http://", ArchiveClock: "within 5s", ArchiveLock: "nothing is locked",
		ArchiveObject: "written, read and deleted", ArchiveGuarantees: "obeys conditions", ArchiveVersioning: "old versions are kept",
		ArchiveLifecycle: "removed after 7 days", ArchiveReplication: "replicated by 1 rule",
	} {
		requireFinding(t, name, found[name], OK, says)
	}
	require.Len(t, found, 9)
}

func TestStoreThatIsNotReachedIsBrokenOnce(t *testing.T) {
	server := s3test.New(t, bucketName)
	found := checkStore(t, server, func(c *archive.Config) { c.Endpoint = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} })
	requireFinding(t, ArchiveBucket, found[ArchiveBucket], Broken, "the store at http://127.0.0.1:1 cannot be reached", "connection refused", "check S3_ENDPOINT")
	requireFinding(t, ArchiveClock, found[ArchiveClock], Skipped, "no Date")
	for _, name := range []Name{ArchiveLock, ArchiveObject, ArchiveGuarantees, ArchiveVersioning, ArchiveLifecycle, ArchiveReplication} {
		require.Equal(t, Skipped, found[name].Verdict)
		require.Equal(t, "not checked: it needs archive.bucket, which is broken", found[name].Text)
	}
}

func TestStoreThatRefusesSaysWhatToDo(t *testing.T) {
	t.Run("no keys", func(t *testing.T) {
		found := checkStore(t, s3test.New(t, bucketName), func(c *archive.Config) { c.Credentials = credentials.NewStaticV4("", "", "") })
		requireFinding(t, ArchiveKeys, found[ArchiveKeys], Broken, "no AWS credentials were found", "set AWS_ACCESS_KEY_ID")
		require.Equal(t, Skipped, found[ArchiveBucket].Verdict)
	})
	t.Run("wrong keys", func(t *testing.T) {
		server := s3test.New(t, bucketName)
		server.Add(s3test.Rule{Status: http.StatusForbidden, Code: "SignatureDoesNotMatch", Always: true})
		requireFinding(t, ArchiveBucket, checkStore(t, server)[ArchiveBucket], Broken, "SignatureDoesNotMatch", "check AWS_ACCESS_KEY_ID")
	})
	t.Run("no bucket", func(t *testing.T) {
		requireFinding(t, ArchiveBucket, checkStore(t, s3test.New(t))[ArchiveBucket], Broken, "there is no bucket recordings", "start a worker, which creates it")
	})
	t.Run("no writes", func(t *testing.T) {
		server := s3test.New(t, bucketName)
		server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
		found := checkStore(t, server)
		requireFinding(t, ArchiveObject, found[ArchiveObject], Broken, "write s3://recordings/calls/.callvault/doctor.json", "AccessDenied", "s3:PutObject")
		require.Equal(t, Skipped, found[ArchiveGuarantees].Verdict)
	})
	t.Run("no reads", func(t *testing.T) {
		server := s3test.New(t, bucketName)
		server.Add(s3test.Rule{Operation: s3test.GetObject, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
		requireFinding(t, ArchiveObject, checkStore(t, server)[ArchiveObject], Broken, "read s3://", "s3:GetObject")
	})
	t.Run("other reads", func(t *testing.T) {
		server := s3test.New(t, bucketName)
		server.Add(s3test.Rule{Operation: s3test.GetObject, Key: "calls/.callvault/doctor.json", Body: func([]byte) []byte { return []byte("{}") }})
		requireFinding(t, ArchiveObject, checkStore(t, server)[ArchiveObject], Broken, "was read as another one", "what is between")
	})
	t.Run("a store that is down after a while", func(t *testing.T) {
		server := s3test.New(t, bucketName)
		server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusServiceUnavailable, Code: "SlowDown", Always: true})
		requireFinding(t, ArchiveObject, checkStore(t, server)[ArchiveObject], Broken, "SlowDown")
	})
}

// The policy that callvault comes with allows no deletion.
func TestObjectThatMayNotBeDeletedIsFine(t *testing.T) {
	server := s3test.New(t, bucketName)
	server.Add(s3test.Rule{Operation: s3test.DeleteObject, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	for range 2 {
		requireFinding(t, ArchiveObject, checkStore(t, server)[ArchiveObject], OK, "may not be deleted (AccessDenied)", "stays as calls/.callvault/doctor.json")
	}
	require.Equal(t, []string{"calls/.callvault/doctor.json", "calls/.callvault/probe.json"}, server.Keys(bucketName))
}

func TestStoreWithoutGuaranteesIsNamed(t *testing.T) {
	for feature, verdict := range map[s3test.Feature]Verdict{s3test.IfNoneMatch: Broken, s3test.VerifiedChecksum: Warning} {
		server := s3test.New(t, bucketName)
		server.Lacks = map[s3test.Feature]bool{feature: true}
		requireFinding(t, ArchiveGuarantees, checkStore(t, server)[ArchiveGuarantees], verdict, "the store", "use another store")
	}
	server := s3test.New(t, bucketName)
	server.Add(s3test.Rule{Operation: s3test.CreateMultipartUpload, Status: http.StatusServiceUnavailable, Code: "SlowDown", Always: true})
	requireFinding(t, ArchiveGuarantees, checkStore(t, server)[ArchiveGuarantees], Skipped, "could not be found out")

	server = s3test.New(t, bucketName)
	checkStore(t, server)
	server.Lacks = map[s3test.Feature]bool{s3test.IfNoneMatch: true}
	requireFinding(t, ArchiveGuarantees, checkStore(t, server)[ArchiveGuarantees], Broken, "ignores If-None-Match") // Whatever was found before.
}

func TestLockHasToBeOneThatTheBucketCanHave(t *testing.T) {
	locked := func(c *archive.Config) { c.Options.LockMode, c.Options.LockDays = archive.Compliance, 90 }
	server := s3test.New(t, bucketName)
	requireFinding(t, ArchiveLock, checkStore(t, server, locked)[ArchiveLock], Broken, "no recording can be written", "create a bucket with Object Lock")
	server.EnableLock(bucketName)
	requireFinding(t, ArchiveLock, checkStore(t, server)[ArchiveLock], OK, "locks nothing by default")
	found := checkStore(t, server, locked)
	requireFinding(t, ArchiveLock, found[ArchiveLock], OK, "locked for 90 days in mode COMPLIANCE")
	requireFinding(t, ArchiveObject, found[ArchiveObject], OK, "written, read and deleted")
}

func TestBucketThatLocksEverythingLocksTheProbeForAMinute(t *testing.T) {
	server := s3test.New(t, bucketName)
	server.RetainByDefault(bucketName, "COMPLIANCE", 3650)
	found := checkStore(t, server)
	requireFinding(t, ArchiveLock, found[ArchiveLock], OK, "locks every object for 3650 days in mode COMPLIANCE")
	requireFinding(t, ArchiveObject, found[ArchiveObject], OK, "it may not be deleted (AccessDenied)")
	until, err := time.Parse(time.RFC3339, server.Versions(bucketName, "calls/.callvault/doctor.json")[0].Kept["X-Amz-Object-Lock-Retain-Until-Date"])
	require.NoError(t, err)
	require.Less(t, time.Until(until), 2*time.Minute)

	server.ForgetRequests()
	checkStore(t, server)
	puts := 0
	for _, operation := range server.Operations() {
		if operation == s3test.PutObject {
			puts++
		}
	}
	require.Equal(t, 1, puts, "what a worker's probe has found is believed, for its objects would be locked")

	server.Add(s3test.Rule{Operation: s3test.PutObject, Key: "calls/.callvault/doctor.json", Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	requireFinding(t, ArchiveObject, checkStore(t, server)[ArchiveObject], Skipped, "nothing was written", "s3:PutObjectRetention")
}

// A worker's policy lets it read no settings, and set no lock.
func TestObjectIsNotTriedInABucketThatMayLockIt(t *testing.T) {
	server := s3test.New(t, bucketName)
	server.RetainByDefault(bucketName, "COMPLIANCE", 3650)
	server.Add(s3test.Rule{Operation: s3test.GetObjectLock, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	opened, err := archive.Open(archive.Config{Endpoint: server.URL, Bucket: bucketName, Region: "us-east-1", Prefix: "calls/", Credentials: credentials.NewStaticV4("key", "secret", "")})
	require.NoError(t, err)
	_, err = opened.Probe(t.Context()) // as a worker has done
	require.NoError(t, err)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Status: http.StatusForbidden, Code: "AccessDenied", Always: true})
	server.ForgetRequests()
	found := checkStore(t, server)
	requireFinding(t, ArchiveObject, found[ArchiveObject], Skipped, "nothing was written: the bucket may lock", "s3:GetBucketObjectLockConfiguration")
	requireFinding(t, ArchiveGuarantees, found[ArchiveGuarantees], OK, "obeys conditions")
	require.Len(t, server.Versions(bucketName, "calls/.callvault/doctor.json"), 0)
}

func TestCredentialsThatDoNotComeEndTheCheck(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	checked := &store{section: section{account: "acme"}, writing: new(sync.Mutex), config: archive.Config{
		Endpoint: mustParse(t, "http://127.0.0.1:1"), Bucket: bucketName, Region: "us-east-1", Credentials: credentials.New(hanging{t.Context().Done()})}}
	checked.check(ctx)
	requireFinding(t, ArchiveKeys, checked.findings[0], Broken, "does not respond", "set AWS_ACCESS_KEY_ID")
}

// hanging has no credentials before a test ends.
type hanging struct{ ended <-chan struct{} }

func (h hanging) Retrieve() (credentials.Value, error) {
	<-h.ended
	return credentials.Value{}, nil
}

func (h hanging) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	return h.Retrieve()
}

func (h hanging) IsExpired() bool { return true }

// Accounts may share an archive, and so the objects that are written there.
func TestAccountsOfOneArchiveAreTriedOneAfterTheOther(t *testing.T) {
	server := s3test.New(t, bucketName)
	var writing atomic.Int32
	together := make(chan struct{}, 3)
	server.Add(s3test.Rule{Operation: s3test.PutObject, Key: "calls/.callvault/doctor.json", Always: true, Before: func() {
		if writing.Add(1) > 1 {
			together <- struct{}{}
		}
		select { // Another one would come now.
		case <-together:
			together <- struct{}{}
		case <-time.After(100 * time.Millisecond):
		}
	}})
	server.Add(s3test.Rule{Operation: s3test.DeleteObject, Always: true, After: func() { writing.Add(-1) }})
	var accounts []account.Settings
	for _, name := range []string{"a", "b", "c"} {
		accounts = append(accounts, account.Settings{
			Name: name, API: mustParse(t, "http://127.0.0.1:1"), BotIDs: []string{"st-" + name},
			Credentials: smartassist.Credentials{ClientID: "cs-1", Key: secret.Value(theSecret)},
			Budget:      account.Budget{Windows: []workflows.CallWindow{{Calls: 60, Span: time.Minute}}},
			Archive:     archive.Config{Endpoint: server.URL, Bucket: bucketName, Region: "us-east-1", Prefix: "calls/", Credentials: credentials.NewStaticV4("key", "secret", "")},
		})
	}
	findings := Run(t.Context(), Options{Present: true, Settings: &config.Config{Accounts: accounts},
		Connect: func(context.Context) (*temporalclient.Connection, error) { return nil, errors.New("none") }})
	tried := 0
	for _, one := range findings {
		if one.Name == ArchiveObject {
			requireFinding(t, ArchiveObject, one, OK, "written, read and deleted")
			tried++
		}
	}
	require.Equal(t, 3, tried)
	require.Empty(t, together)
}

func TestSettingsThatAreEasilyRegrettedAreWarnings(t *testing.T) {
	server := s3test.New(t, bucketName)
	found := checkStore(t, server)
	requireFinding(t, ArchiveVersioning, found[ArchiveVersioning], OK, "no versions are kept")
	requireFinding(t, ArchiveLifecycle, found[ArchiveLifecycle], Warning, "no lifecycle rule removes unfinished uploads",
		`put-bucket-lifecycle-configuration --bucket recordings --endpoint-url http://127.0.0.1`, `"Filter":{"Prefix":"calls/"},"AbortIncompleteMultipartUpload":{"DaysAfterInitiation":7}`)
	requireFinding(t, ArchiveReplication, found[ArchiveReplication], OK, "not replicated")

	server.SetLifecycle(bucketName, "<Rule><ID>theirs</ID><Status>Enabled</Status><Filter><Prefix>other/</Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule>")
	theirs := checkStore(t, server)[ArchiveLifecycle]
	requireFinding(t, ArchiveLifecycle, theirs, Warning, "add one to the bucket's 1 other rule", "get-bucket-lifecycle-configuration --bucket recordings", `"DaysAfterInitiation":7`)
	require.NotContains(t, theirs.WayOut, "put-bucket-lifecycle-configuration", "it replaces all rules")

	server.SetVersioning(bucketName, "Suspended")
	server.SetLifecycle(bucketName, abortAfterAWeek+"<Rule><ID>forget</ID><Status>Enabled</Status><Filter><Prefix>calls/</Prefix></Filter><Expiration><Days>30</Days></Expiration></Rule>")
	server.SetReplication(bucketName, "<Rule><ID>a</ID><Status>Disabled</Status></Rule>")
	found = checkStore(t, server)
	requireFinding(t, ArchiveVersioning, found[ArchiveVersioning], Warning, "suspended", "put-bucket-versioning --bucket recordings ")
	requireFinding(t, ArchiveLifecycle, found[ArchiveLifecycle], Warning, "delete objects of the archive: forget")
	requireFinding(t, ArchiveReplication, found[ArchiveReplication], Warning, "none is enabled")
}

func TestMinIORemovesUnfinishedUploadsItself(t *testing.T) {
	server := s3test.New(t, bucketName)
	server.Add(s3test.Rule{Operation: s3test.GetBucketLifecycle, Always: true, Header: func(h http.Header) { h.Set("Server", "MinIO") }})
	requireFinding(t, ArchiveLifecycle, checkStore(t, server)[ArchiveLifecycle], OK, "MinIO removes unfinished uploads by itself")

	server = s3test.New(t, bucketName)
	server.Add(s3test.Rule{Operation: s3test.GetBucketLifecycle, Always: true, Status: http.StatusForbidden, Code: "AccessDenied", Header: func(h http.Header) { h.Set("Server", "MinIO") }})
	requireFinding(t, ArchiveLifecycle, checkStore(t, server)[ArchiveLifecycle], Skipped, "AccessDenied", "s3:GetLifecycleConfiguration")
}

func TestCommandsForAWSNameNoEndpoint(t *testing.T) {
	found := judgeRules(archive.BucketRules{}, nil, archive.Config{Endpoint: mustParse(t, "https://s3.eu-west-1.amazonaws.com"), Bucket: bucketName}, false)
	require.Contains(t, found.WayOut, "--bucket recordings --lifecycle-configuration '{")
}

func TestSettingThatIsNotToldProvesNothing(t *testing.T) {
	settings := map[Name]s3test.Operation{
		ArchiveLock: s3test.GetObjectLock, ArchiveVersioning: s3test.GetBucketVersioning, ArchiveLifecycle: s3test.GetBucketLifecycle, ArchiveReplication: s3test.GetBucketReplication,
	}
	for code, row := range map[string]struct {
		status int
		says   string
	}{
		"AccessDenied":   {http.StatusForbidden, "allow s3:Get"},
		"NotImplemented": {http.StatusNotImplemented, "ask who administers the store"},
		"SlowDown":       {http.StatusServiceUnavailable, "could not be found out"},
	} {
		server := s3test.New(t, bucketName)
		for _, operation := range settings {
			server.Add(s3test.Rule{Operation: operation, Status: row.status, Code: code, Always: true})
		}
		found := checkStore(t, server)
		for name := range settings {
			requireFinding(t, name, found[name], Skipped, code, row.says)
		}
		requireFinding(t, ArchiveObject, found[ArchiveObject], OK)
	}
}

func TestStoresClockIsThatOfItsResponses(t *testing.T) {
	server := s3test.New(t, bucketName)
	server.Add(s3test.Rule{Operation: s3test.HeadBucket, Always: true, Header: func(h http.Header) {
		h.Set("Date", time.Now().Add(-16*time.Minute).UTC().Format(http.TimeFormat))
	}})
	requireFinding(t, ArchiveClock, checkStore(t, server)[ArchiveClock], Broken, "ahead of the server's", "RequestTimeTooSkewed", "NTP")
}

func TestChecksEndWithTheTimeForAll(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var all section
	all.run(ctx, ArchiveBucket, nil, func(context.Context) Finding { return ok("never") })
	require.Equal(t, Skipped, all.findings[0].Verdict)
	require.Contains(t, all.findings[0].Text, "the other checks took 1m0s")
}
