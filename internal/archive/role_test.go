package archive_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/archive/s3test"
	"github.com/callvault/callvault/internal/secret"
)

const roleARN = "arn:aws:iam::123456789012:role/callvault"

// identities stands for what gives keys: the security token service, and the addresses at
// which containers and instances ask for the keys of their role.
type identities struct {
	*httptest.Server

	mu    sync.Mutex
	asked []string     // what was asked for, in order
	forms []url.Values // of the security token service
	lasts time.Duration
	fails bool
}

func newIdentities(t *testing.T) *identities {
	t.Helper()
	i := &identities{lasts: time.Hour}
	i.Server = httptest.NewServer(i)
	t.Cleanup(i.Close)
	return i
}

func (i *identities) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	_ = r.ParseForm()
	action := r.Form.Get("Action")
	i.asked = append(i.asked, strings.TrimSpace(r.Host+" "+r.Method+" "+r.URL.Path+" "+action))
	expires := time.Now().Add(i.lasts).UTC().Format(time.RFC3339)
	switch {
	case i.fails:
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Code>AccessDenied</Code><Message>not allowed to take it</Message></Error></ErrorResponse>`)
	case action != "":
		i.forms = append(i.forms, r.Form)
		_, _ = io.WriteString(w, "<"+action+`Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><`+action+"Result><Credentials><AccessKeyId>of-the-role</AccessKeyId>"+
			"<SecretAccessKey>canary</SecretAccessKey><SessionToken>session</SessionToken><Expiration>"+expires+"</Expiration></Credentials></"+action+"Result></"+action+"Response>")
	case r.URL.Path == "/latest/api/token":
		_, _ = io.WriteString(w, "token")
	case strings.HasSuffix(r.URL.Path, "/security-credentials/"):
		_, _ = io.WriteString(w, "instance-role")
	default:
		_, _ = io.WriteString(w, `{"Code": "Success", "AccessKeyId": "of-the-machine", "SecretAccessKey": "canary", "Token": "session", "Expiration": "`+expires+`"}`)
	}
}

// elsewhere sends what is not for the store to the identities, under the host's own name.
type elsewhere struct{ store, identities string }

func (e elsewhere) RoundTrip(request *http.Request) (*http.Response, error) {
	changed := request.Clone(request.Context())
	if request.URL.Host != e.store {
		changed.Host, changed.URL.Scheme, changed.URL.Host = request.URL.Host, "http", e.identities
	}
	return http.DefaultTransport.RoundTrip(changed)
}

// noKeys removes the machine's own keys, and what says where others are.
func noKeys(t *testing.T) {
	t.Helper()
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "MINIO_") {
			t.Setenv(name, "")
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_CONFIG_FILE", none)
}

func TestStandardChainHasEveryIdentityOfAMachine(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	replace(t, token, "canary-token")
	for name, row := range map[string]struct {
		variables map[string]string
		asked     []string
		signer    string
	}{
		"web identity": {
			map[string]string{"AWS_WEB_IDENTITY_TOKEN_FILE": token, "AWS_ROLE_ARN": roleARN, "AWS_REGION": "eu-west-1"},
			[]string{"sts.eu-west-1.amazonaws.com POST / AssumeRoleWithWebIdentity"}, "of-the-role",
		},
		"container on ECS": {
			map[string]string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/1"},
			[]string{"169.254.170.2 GET /v2/credentials/1"}, "of-the-machine",
		},
		"instance": {
			nil,
			[]string{
				"169.254.169.254 PUT /latest/api/token", "169.254.169.254 GET /latest/meta-data/iam/security-credentials/",
				"169.254.169.254 GET /latest/meta-data/iam/security-credentials/instance-role",
			}, "of-the-machine",
		},
	} {
		t.Run(name, func(t *testing.T) {
			noKeys(t)
			for variable, value := range row.variables {
				t.Setenv(variable, value)
			}
			server, service := s3test.New(t, bucket), newIdentities(t)
			store := openWith(t, server, func(c *archive.Config) {
				c.Credentials, c.Transport = nil, elsewhere{server.URL.Host, service.Listener.Addr().String()}
			})
			require.NoError(t, store.CheckCredentials())
			require.Equal(t, row.signer, signedBy(t, server, store))
			require.Equal(t, row.asked, service.asked)
			require.Equal(t, "session", server.Requests()[0].Header.Get("X-Amz-Security-Token"))
		})
	}
}

func TestRoleIsTakenWithOtherKeys(t *testing.T) {
	server, service := s3test.New(t, bucket), newIdentities(t)
	address, err := url.Parse(service.URL)
	require.NoError(t, err)
	id := filepath.Join(t.TempDir(), "id")
	replace(t, id, "first")
	role := archive.Role{ARN: roleARN, Service: address, Region: "eu-west-1"}
	store := storeWith(t, server, role.Assume(archive.KeyPair(secret.File(id), secret.Value("canary"))))
	require.Equal(t, "of-the-role", signedBy(t, server, store))
	require.Equal(t, "of-the-role", signedBy(t, server, store))
	require.Len(t, service.forms, 1, "its keys are used until they expire")
	require.Equal(t, roleARN, service.forms[0].Get("RoleArn"))
	require.Equal(t, "callvault", service.forms[0].Get("RoleSessionName"))
}

func TestKeysOfARoleAreTakenAnewBeforeTheyExpire(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token")
	for name, keys := range map[string]func(archive.Role) *credentials.Credentials{
		"with keys": func(r archive.Role) *credentials.Credentials {
			return r.Assume(credentials.NewStaticV4("id", "canary", ""))
		},
		"with web identity": func(r archive.Role) *credentials.Credentials { return r.WebIdentity(secret.File(token)) },
	} {
		t.Run(name, func(t *testing.T) {
			replace(t, token, "first-token")
			server, service := s3test.New(t, bucket), newIdentities(t)
			address, err := url.Parse(service.URL)
			require.NoError(t, err)
			service.lasts = -time.Minute
			store := storeWith(t, server, keys(archive.Role{ARN: roleARN, Service: address, Region: "us-east-1"}))
			require.Equal(t, "of-the-role", signedBy(t, server, store))
			replace(t, token, "second-token")
			require.Eventually(t, func() bool {
				require.Equal(t, "of-the-role", signedBy(t, server, store))
				last := service.forms[len(service.forms)-1]
				return last.Get("RoleArn") == roleARN && (name == "with keys" || last.Get("WebIdentityToken") == "second-token")
			}, 10*time.Second, 20*time.Millisecond)
			require.Greater(t, len(service.forms), 1)
		})
	}
}

func TestRoleThatCannotBeTakenIsNamed(t *testing.T) {
	server, service := s3test.New(t, bucket), newIdentities(t)
	service.fails = true
	address, err := url.Parse(service.URL)
	require.NoError(t, err)
	role := archive.Role{ARN: roleARN, Service: address, Region: "us-east-1"}
	missing := filepath.Join(t.TempDir(), "missing")
	for says, keys := range map[string]*credentials.Credentials{
		"take the role " + roleARN + ": not allowed to take it":                       role.Assume(credentials.NewStaticV4("id", "canary", "")),
		"take the role " + roleARN + " with the web identity: not allowed to take it": role.WebIdentity(secret.Value("canary")),
		"take the role " + roleARN + " with the web identity: ":                       role.WebIdentity(secret.File(missing)),
		"the keys to take the role " + roleARN + " with: ":                            role.Assume(archive.KeyPair(secret.File(missing), secret.Value("canary"))),
	} {
		store := storeWith(t, server, keys)
		err := store.CheckCredentials()
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "canary")
		require.ErrorContains(t, store.EnsureBucket(t.Context()), says)
	}
	require.Empty(t, server.Requests(), "nothing is sent unsigned")
}
