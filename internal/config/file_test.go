package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/smartassist"
	"github.com/callvault/callvault/workflows"
)

func TestFileHasEverySettingOfEveryAccount(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "acme.pem", privatePEM(t))
	write(t, folder, "platform.jwk", platformJWK(t))
	write(t, folder, "id", "first\n")
	write(t, folder, "key", "canary\n")
	config, err := readFileOf(t, folder, `
accounts:
	- name: acme
		url: https://eu-platform.kore.ai/
		bots: [st-1, st-2]
		token:
			clientId: cs-1
			algorithm: RS512
			privateKeyFile: acme.pem
			claims: {aud: callvault, iss: cs-1, appId: ~, level: 3, rate: 0.5, day: 2026-01-02, tags: [a, true]}
			encryption: {keyFile: platform.jwk, keyAlgorithm: RSA1_5, contentEncryption: A128CBC-HS256}
		mediaHosts: ["*.example.com"]
		budget: {scope: account, windows: ["180/1m"]}
		retention: 2160h
		maxRecordingSize: 6GiB
		archive:
			endpoint: http://minio:9000
			bucket: calls
			region: eu-central-1
			multipartFrom: 1GiB
			prefix: acme/
			accessKeyIdFile: id
			secretAccessKeyFile: key
	- name: two
		bots:
			- st-3
		token:
			clientId: cs-2
			clientSecretEnv: SECRET_OF_TWO
healthAddress: 127.0.0.1:8080
`, "SECRET_OF_TWO", "canary-two")
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", config.HealthAddress)
	require.Len(t, config.Accounts, 2)

	one := config.Accounts[0]
	require.Equal(t, filepath.Join(folder, "acme.pem"), one.Credentials.Key.Path(), "it is in the file's folder")
	require.Equal(t, filepath.Join(folder, "platform.jwk"), one.Credentials.Encryption.Key.Path())
	keys, err := one.Archive.Credentials.GetWithContext(nil)
	require.NoError(t, err)
	require.Equal(t, []string{"first", "canary"}, []string{keys.AccessKeyID, keys.SecretAccessKey})
	one.Credentials.Key, one.Credentials.Encryption.Key, one.Archive.Credentials = nil, nil, nil
	require.Equal(t, account.Settings{
		Name: "acme", API: address(t, "https://eu-platform.kore.ai"), BotIDs: []string{"st-1", "st-2"},
		Credentials: smartassist.Credentials{
			ClientID: "cs-1", Algorithm: "RS512",
			Claims: map[string]any{
				"aud": "callvault", "iss": "cs-1", "appId": nil, "level": 3, "rate": 0.5, "day": "2026-01-02", "tags": []any{"a", true},
			},
			Encryption: &smartassist.Encryption{KeyAlgorithm: "RSA1_5", ContentEncryption: "A128CBC-HS256"},
		},
		Budget:    account.Budget{Scope: account.PerAccount, Windows: []workflows.CallWindow{{Calls: 180, Span: time.Minute}}},
		Retention: 90 * 24 * time.Hour,

		AskWhenReady:      true,
		MediaHosts:        []string{"*.example.com"},
		MaxRecordingBytes: 6 << 30,
		Archive:           archive.Config{Endpoint: address(t, "http://minio:9000"), Bucket: "calls", Region: "eu-central-1", Prefix: "acme/", MultipartFrom: 1 << 30},
	}, one)

	two := config.Accounts[1]
	key, err := two.Credentials.Key.Read()
	require.NoError(t, err)
	require.Equal(t, "canary-two", key)
	same, err := fromMap(minimal("SMARTASSIST_ACCOUNT_NAME", "two", "SMARTASSIST_BOT_ID", "st-3", "SMARTASSIST_CLIENT_ID", "cs-2", "SMARTASSIST_CLIENT_SECRET", "canary-two"))
	require.NoError(t, err)
	require.Equal(t, same.Accounts[0], two, "both forms have the same defaults")
}

// valid is one account, into which a test writes something wrong.
const valid = `accounts:
	- name: acme
		bots: [st-1]
		token:
			clientId: cs-1
			clientSecretEnv: ACME_SECRET
`

func TestErrorNamesPathLineAndRemedy(t *testing.T) {
	token := "\t\ttoken:\n\t\t\tclientId: cs-1\n\t\t\tclientSecretEnv: ACME_SECRET\n"
	for name, row := range map[string]struct {
		replace, with string // in the valid file
		says          []string
	}{
		"bucket":                        {token, token + "\t\tarchive: {bucket: Recordings}\n", []string{`accounts[0].archive.bucket (line 7): "Recordings" is not a valid bucket name`, "want 3 to 63"}},
		"no name":                       {"- name: acme\n\t\t", "- ", []string{"accounts[0].name (line 2): is not set", "stays the same"}},
		"empty name":                    {"name: acme", "name: ", []string{"accounts[0].name (line 2): is not set"}},
		"null as a name":                {"name: acme", "name: null", []string{"accounts[0].name (line 2): is not set"}},
		"null as a section":             {token, "\t\ttoken: {clientId: cs-1, clientSecretEnv: ACME_SECRET, encryption: ~}\n\t\tretention: x\n", []string{`accounts[0].retention (line 5): "x" is not a retention`}},
		"name of another form":          {"name: acme", "name: a b", []string{`accounts[0].name (line 2): "a b" is not a name`}},
		"no bots":                       {"\t\tbots: [st-1]\n", "", []string{"accounts[0].bots (line 2): is not set", "General Settings"}},
		"empty list of bots":            {"[st-1]", "[]", []string{"accounts[0].bots (line 3): is not set"}},
		"one bot twice":                 {"[st-1]", "[st-1, st-2, st-1]", []string{`accounts[0].bots[2] (line 3): "st-1" is named twice`}},
		"an empty bot":                  {"[st-1]", "\n\t\t\t- st-1\n\t\t\t-", []string{"accounts[0].bots[1] (line 5): is empty"}},
		"a list in a list":              {"[st-1]", "[[st-1], st-2]", []string{"accounts[0].bots[0] (line 3): is a list or a section: want one value"}},
		"a text for a list":             {"[st-1]", "st-1", []string{"accounts[0].bots (line 3): is not a list: want one such as [one, two]"}},
		"too many bots":                 {"[st-1]", "[" + manyBots(501) + "]", []string{"accounts[0].bots (line 3): names 501 bots"}},
		"far too many bots":             {"[st-1]", "[" + manyBots(1001) + "]", []string{"accounts[0].bots (line 3): has 1001 items: want at most 1000"}},
		"no token":                      {token, "", []string{"accounts[0].token.clientId (line 2): is not set", "accounts[0].token.clientSecretFile (line 2): is not set: give the client secret of the JWT app by clientSecretFile or clientSecretEnv"}},
		"empty token":                   {token, "\t\ttoken:\n", []string{"accounts[0].token.clientId (line 2)", "accounts[0].token.clientSecretFile (line 2)"}},
		"a text for a section":          {token, "\t\ttoken: canary\n", []string{"accounts[0].token (line 4): is not a section: want keys in it, such as clientId"}},
		"a list for a text":             {"cs-1", "[canary]", []string{"accounts[0].token.clientId (line 5): is a list or a section"}},
		"a long text":                   {"cs-1", strings.Repeat("canary", 1000), []string{"accounts[0].token.clientId (line 5): has 6000 bytes: want at most 4096"}},
		"unknown key":                   {"name: acme", "name: acme\n\t\tbot: canary", []string{"accounts[0].bot (line 3): is not a key: want one of name, url, bots, accountId, token,"}},
		"unknown key and a missing one": {"clientId: cs-1", "clientid: canary", []string{"accounts[0].token.clientid (line 5): is not a key", "accounts[0].token.clientId (line 4): is not set"}},
		"unknown key of a section":      {"clientId: cs-1", "clientId: cs-1\n\t\t\tclientID: canary", []string{"accounts[0].token.clientID (line 6): is not a key: want one of clientId, algorithm,"}},
		"unknown key of the file":       {"accounts:", "account: canary\naccounts:", []string{"account (line 1): is not a key: want one of accounts, healthAddress"}},
		"the secret itself":             {"clientSecretEnv: ACME_SECRET", "clientSecret: canary", []string{"accounts[0].token.clientSecret (line 6): is not a key, since no secret is written into the file: want clientSecretFile, which", "or clientSecretEnv"}},
		"the store's secret itself":     {token, token + "\t\tarchive: {secretAccessKey: canary}\n", []string{"accounts[0].archive.secretAccessKey (line 7): is not a key, since", "secretAccessKeyFile"}},
		"no space after the colon":      {token, "\t\ttoken: {clientId: cs-1, clientSecret:canary}\n", []string{"accounts[0].token (line 4): has in line 4 what is not a key", "then a colon and a space", "accounts[0].token.clientSecretFile (line 4): is not set"}},
		"a key that is a list":          {token, token + "\t\t? [canary]\n\t\t: x\n", []string{"accounts[0] (line 2): has in line 7 what is not a key"}},
		"one key twice":                 {"name: acme", "name: acme\n\t\tname: canary", []string{"accounts[0].name (line 3): is given in line 2 already: remove one"}},
		"one section twice":             {token, token + token, []string{"accounts[0].token (line 7): is given in line 4 already"}},
		"secret in a file and variable": {"clientSecretEnv", "clientSecretFile: canary\n\t\t\tclientSecretEnv", []string{"accounts[0].token.clientSecretEnv (line 7): is set in addition to clientSecretFile"}},
		"missing file":                  {"clientSecretEnv: ACME_SECRET", "clientSecretFile: canary/x", []string{"accounts[0].token.clientSecretFile (line 6): the file that it names cannot be read (no such file or directory)"}},
		"missing variable":              {"ACME_SECRET", "canary", []string{"accounts[0].token.clientSecretEnv (line 6): the variable that it names is not set"}},
		"unknown algorithm":             {"clientId: cs-1", "clientId: cs-1\n\t\t\talgorithm: canary-0123456789", []string{"accounts[0].token.algorithm (line 6): the algorithm is not one of HS256, HS512, RS256, RS512"}},
		"unknown algorithm, either key": {"clientSecretEnv", "algorithm: X\n\t\t\tprivateKeyEnv", []string{`accounts[0].token.algorithm (line 6): the algorithm "X" is not one of`}},
		"unknown algorithm, both keys":  {"clientSecretEnv", "algorithm: X\n\t\t\tprivateKeyEnv: ACME_SECRET\n\t\t\tclientSecretEnv", []string{`accounts[0].token.algorithm (line 6): the algorithm "X" is not one of`}},
		"secret for another algorithm":  {"clientId: cs-1", "clientId: cs-1\n\t\t\talgorithm: RS256", []string{"accounts[0].token.clientSecretEnv (line 7): is not used with RS256", "accounts[0].token.privateKeyFile (line 4): is not set: give the private key"}},
		"key of another kind":           {"clientSecretEnv", "algorithm: RS256\n\t\t\tprivateKeyEnv", []string{"accounts[0].token.privateKeyEnv (line 7): the key is not a private key in PEM"}},
		"claim of ours":                 {"clientId: cs-1", "clientId: cs-1\n\t\t\tclaims: {jti: canary}", []string{"accounts[0].token.claims (line 6): the claim jti cannot be replaced"}},
		"claims that are none":          {"clientId: cs-1", "clientId: cs-1\n\t\t\tclaims: canary", []string{"accounts[0].token.claims (line 6): is not a section: want the claims below it"}},
		"more claims than anyone has":   {"clientId: cs-1", "clientId: cs-1\n\t\t\tclaims: {a: [" + strings.Repeat("1, ", 200) + "]}", []string{"accounts[0].token.claims (line 6): is too large: want at most 200 values"}},
		"claims without an end":         {"clientId: cs-1", "clientId: cs-1\n\t\t\tclaims: {a: " + strings.Repeat("[", 9) + "canary" + strings.Repeat("]", 9) + "}", []string{"accounts[0].token.claims (line 6): is too large"}},
		"a claim that JSON cannot hold": {"clientId: cs-1", "clientId: cs-1\n\t\t\tclaims: {a: .nan}", []string{"accounts[0].token.claims (line 6): has in line 6 a number that JSON cannot hold"}},
		"one claim twice":               {"clientId: cs-1", "clientId: cs-1\n\t\t\tclaims: {a: canary, a: canary}", []string{"accounts[0].token.claims (line 6): has in line 6 a name that is not a text, or is given already"}},
		"encryption without a key":      {"clientId: cs-1", "clientId: cs-1\n\t\t\tencryption: {keyAlgorithm: RSA-OAEP}", []string{"accounts[0].token.encryption.keyFile (line 6): is not set: give the platform's public key, which the console shows by keyFile or keyEnv"}},
		"empty encryption":              {"clientId: cs-1", "clientId: cs-1\n\t\t\tencryption: {}", []string{"accounts[0].token.encryption.keyFile (line 6): is not set"}},
		"encryption that is a text":     {"clientId: cs-1", "clientId: cs-1\n\t\t\tencryption: canary", []string{"accounts[0].token.encryption (line 6): is not a section: want keys in it, such as keyFile"}},
		"encryption of another kind":    {"clientId: cs-1", "clientId: cs-1\n\t\t\tencryption: {keyEnv: ACME_SECRET, keyAlgorithm: dir, contentEncryption: none}", []string{"accounts[0].token.encryption.keyEnv (line 6): the platform's public key is not a JWK", `keyAlgorithm (line 6): the key algorithm "dir"`, `contentEncryption (line 6): the content encryption "none"`}},
		"scope":                         {token, token + "\t\tbudget: {scope: all}\n", []string{`accounts[0].budget.scope (line 7): "all" is not a scope: want bot`}},
		"no window":                     {token, token + "\t\tbudget: {windows: []}\n", []string{"accounts[0].budget.windows (line 7): has 0 call windows: want 1 to 4"}},
		"five windows":                  {token, token + "\t\tbudget: {windows: [1/1m, 2/2m, 3/3m, 4/4m, 5/5m]}\n", []string{"accounts[0].budget.windows (line 7): has 5 call windows"}},
		"window of another form":        {token, token + "\t\tbudget:\n\t\t\twindows:\n\t\t\t\t- 60/1m\n\t\t\t\t- 60\n", []string{`accounts[0].budget.windows[1] (line 10): "60" is not a call window`}},
		"window out of bounds":          {token, token + "\t\tbudget: {windows: [36001/1m]}\n", []string{"accounts[0].budget.windows[0] (line 7): the call window 36001/1m is out of bounds"}},
		"two windows of one length":     {token, token + "\t\tbudget: {windows: [60/1m, 70/60s]}\n", []string{`accounts[0].budget.windows[1] (line 7): "70/60s" is the second window of this length`}},
		"ask when ready":                {token, token + "\t\taskWhenReady: always\n", []string{`accounts[0].askWhenReady (line 7): "always" is neither auto`, "nor off"}},
		"account at the vendor":         {token, token + "\t\taccountId: a b\n", []string{`accounts[0].accountId (line 7): "a b" is not an account's id`}},
		"retention":                     {token, token + "\t\tretention: 12h\n", []string{`accounts[0].retention (line 7): "12h" is not a retention`}},
		"url":                           {token, token + "\t\turl: https://user:canary@example.com\n", []string{"accounts[0].url (line 7): holds a user name or password"}},
		"host":                          {token, token + "\t\tmediaHosts: [a.example.com, \"*\"]\n", []string{`accounts[0].mediaHosts[1] (line 7): "*" is not a host`}},
		"prefix":                        {token, token + "\t\tarchive: {prefix: /a}\n", []string{`accounts[0].archive.prefix (line 7): "/a" is not a valid prefix`}},
		"key template":                  {token, token + "\t\tarchive: {keyTemplate: \"{bot}/{yyyy}\"}\n", []string{`accounts[0].archive.keyTemplate (line 7): "{bot}/{yyyy}" does not end with the folder of the session`}},
		"encryption of the store":       {token, token + "\t\tarchive: {encryption: AES256}\n", []string{`accounts[0].archive.encryption (line 7): "AES256" is not an encryption: want none, SSE-S3 or SSE-KMS`}},
		"a KMS key without KMS":         {token, token + "\t\tarchive: {kmsKey: alias/x}\n", []string{"accounts[0].archive.kmsKey (line 7): is used with SSE-KMS alone"}},
		"a lock without its days":       {token, token + "\t\tarchive:\n\t\t\tlock:\n\t\t\t\tmode: GOVERNANCE\n", []string{"accounts[0].archive.lock.days (line 8): want how long an object is retained, from 1 to 36500 days"}},
		"a lock without its mode":       {token, token + "\t\tarchive: {lock: {days: 1}}\n", []string{"accounts[0].archive.lock.mode (line 7): is not set: set it to GOVERNANCE or COMPLIANCE"}},
		"a lock of no days":             {token, token + "\t\tarchive: {lock: {mode: COMPLIANCE, days: 0}}\n", []string{"accounts[0].archive.lock.days (line 7): want how long"}},
		"a lock of other days":          {token, token + "\t\tarchive: {lock: {mode: COMPLIANCE, days: 10y}}\n", []string{"accounts[0].archive.lock.days (line 7): want how long"}},
		"a lock of another mode":        {token, token + "\t\tarchive: {lock: {mode: compliance, days: 1}}\n", []string{`accounts[0].archive.lock.mode (line 7): "compliance" is not a mode`}},
		"legal hold":                    {token, token + "\t\tarchive: {lock: {legalHold: yes}}\n", []string{`accounts[0].archive.lock.legalHold (line 7): "yes" is neither on`, "nor off"}},
		"storage class":                 {token, token + "\t\tarchive: {storageClass: a b}\n", []string{`accounts[0].archive.storageClass (line 7): "a b" is not a storage class`}},
		"tag":                           {token, token + "\t\tarchive: {tags: [bot, user]}\n", []string{`accounts[0].archive.tags (line 7): "user" is not a tag: want bot, date or outcome`}},
		"path style":                    {token, token + "\t\tarchive: {pathStyle: dns}\n", []string{`accounts[0].archive.pathStyle (line 7): "dns" is not a path style: want auto, path (`}},
		"missing certificates":          {token, token + "\t\tarchive: {caFile: canary}\n", []string{"accounts[0].archive.caFile (line 7): the file that it names cannot be read (no such file or directory)"}},
		"certificates that are none":    {token, token + "\t\tarchive: {caFile: accounts.yaml}\n", []string{"accounts[0].archive.caFile (line 7): the file ", "holds no certificate of an authority in PEM"}},
		"certificates that are endless": {token, token + "\t\tarchive: {caFile: /dev/zero}\n", []string{"accounts[0].archive.caFile (line 7): \"/dev/zero\" is not a file of at most"}},
		"role that is no ARN":           {token, token + "\t\tarchive: {role: callvault}\n", []string{`accounts[0].archive.role (line 7): "callvault" is not the ARN of a role`}},
		"web identity without a role":   {token, token + "\t\tarchive: {webIdentityTokenFile: canary}\n", []string{"accounts[0].archive.webIdentityTokenFile (line 7): is set without role"}},
		"web identity that is missing":  {token, token + "\t\tarchive: {role: \"arn:aws:iam::1:role/x\", webIdentityTokenFile: canary}\n", []string{"accounts[0].archive.webIdentityTokenFile (line 7): the file that it names cannot be read"}},
		"web identity beside keys":      {token, token + "\t\tarchive: {role: \"arn:aws:iam::1:role/x\", webIdentityTokenFile: accounts.yaml, accessKeyIdEnv: ACME_SECRET, secretAccessKeyEnv: ACME_SECRET}\n", []string{"accounts[0].archive.webIdentityTokenFile (line 7): is set in addition to keys"}},
		"token service without a role":  {token, token + "\t\tarchive: {stsEndpoint: \"https://sts.example.com\"}\n", []string{"accounts[0].archive.stsEndpoint (line 7): is set without role"}},
		"half of a key":                 {token, token + "\t\tarchive: {accessKeyIdEnv: ACME_SECRET}\n", []string{"accounts[0].archive.secretAccessKeyFile (line 7): is not set: give the secret access key of the store by secretAccessKeyFile or secretAccessKeyEnv"}},
		"the other half of a key":       {token, token + "\t\tarchive: {secretAccessKeyEnv: ACME_SECRET}\n", []string{"accounts[0].archive.accessKeyIdFile (line 7): is not set: give the access key id of the store by"}},
		"two sources of keys":           {token, token + "\t\tarchive: {accessKeyIdEnv: ACME_SECRET, secretAccessKeyEnv: ACME_SECRET, credentialsFile: canary}\n", []string{"accounts[0].archive.credentialsFile (line 7): is set in addition to keys of the account's own"}},
		"profile without a file":        {token, token + "\t\tarchive: {profile: acme}\n", []string{"accounts[0].archive.profile (line 7): is set without credentialsFile"}},
		"account that is a text":        {valid, "accounts: [canary]\n", []string{"accounts[0] (line 1): is not a section: want keys in it, such as name"}},
		"accounts that are a section":   {valid, "accounts: {name: canary}\n", []string{"accounts (line 1): is not a list: put a hyphen"}},
		"no accounts":                   {valid, "healthAddress: 127.0.0.1:1\n", []string{"accounts (line 1): is not set"}},
		"empty list of accounts":        {valid, "accounts: []\n", []string{"accounts (line 1): is not set: want a list of at least one account"}},
		"too many accounts":             {valid, "accounts: [" + strings.Repeat("canary, ", 101) + "]\n", []string{"accounts (line 1): has 101 accounts, more than 100"}},
		"health address":                {valid, valid + "healthAddress: 8080\n", []string{`healthAddress (line 7): "8080" is not an address`}},
		"a list as the file":            {valid, "- canary\n", []string{"the file (line 1): is not a section: want keys in it, such as accounts"}},
		"a text as the file":            {valid, "canary\n", []string{"the file (line 1): is not a section"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, valid, row.replace)
			content := strings.Replace(valid, row.replace, row.with, 1)
			config, err := readFileOf(t, t.TempDir(), content, "ACME_SECRET", "canary-secret")
			require.Nil(t, config)
			require.ErrorContains(t, err, fmt.Sprintf("accounts.yaml\" has %d error(s):\n  ", strings.Count(strings.Join(row.says, ""), "(line ")))
			for _, says := range row.says {
				require.ErrorContains(t, err, says)
			}
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestNamesAndBotsBelongToOneAccount(t *testing.T) {
	_, err := readFileOf(t, t.TempDir(), valid+`
	- name: two
		bots: [st-2, st-1]
		token: {clientId: cs-1, clientSecretEnv: ACME_SECRET}
	- name: acme
		bots: [st-3]
		token: {clientId: cs-1, clientSecretEnv: ACME_SECRET}
`, "ACME_SECRET", "canary")
	require.ErrorContains(t, err, `has 2 error(s):
  accounts[1].bots[1] (line 9): "st-1" is a bot of accounts[0] too: remove it from one
  accounts[2].name (line 11): "acme" is the name of accounts[0] too: rename one`)
}

func TestErrorsOfTheFileAreInTheOrderOfItsLines(t *testing.T) {
	_, err := readFileOf(t, t.TempDir(), `
healthAddress: x
accounts:
	- name: a b
		archive: {bucket: X, region: "?"}
		url: y
	- bots: [z]
		tokn: canary
	- name: a b
`)
	var lines []string
	for _, found := range regexp.MustCompile(`\(line (\d+)\)`).FindAllStringSubmatch(err.Error(), -1) {
		lines = append(lines, found[1])
	}
	require.Equal(t, []string{"2", "4", "4", "4", "4", "5", "5", "6", "7", "7", "7", "7", "8", "9", "9", "9", "9", "9"}, lines)
	require.NotContains(t, err.Error(), "canary")
}

func TestVariablesOfTheShortFormBesideTheFileAreNamed(t *testing.T) {
	for _, variable := range shortFormVariables() {
		_, err := readFileOf(t, t.TempDir(), valid, "ACME_SECRET", "canary", variable, "canary")
		require.ErrorContains(t, err, "has 1 error(s):\n  CALLVAULT_CONFIG: is set in addition to "+variable+": unset")
		require.NotContains(t, err.Error(), "canary")
	}
	_, err := readFileOf(t, t.TempDir(), valid, "ACME_SECRET", "canary", "S3_BUCKET", "x", "SMARTASSIST_URL", "y")
	require.ErrorContains(t, err, "in addition to SMARTASSIST_URL, S3_BUCKET: ")

	_, err = readFileOf(t, t.TempDir(), valid, "ACME_SECRET", "canary",
		"AWS_ACCESS_KEY_ID", "id", "AWS_SECRET_ACCESS_KEY", "canary", "S3_SERVICE_HOST", "10.0.0.1", "SMARTASSIST_URL", " ")
	require.NoError(t, err, "neither the AWS chain nor what nobody reads is in conflict")
	_, err = readFileOf(t, t.TempDir(), strings.ReplaceAll(valid, "ACME_SECRET", "SMARTASSIST_CLIENT_SECRET"), "SMARTASSIST_CLIENT_SECRET", "canary")
	require.NoError(t, err, "the file refers to it")
}

func TestHealthAddressIsInOnePlace(t *testing.T) {
	content := valid + "healthAddress: 127.0.0.1:1\n"
	_, err := readFileOf(t, t.TempDir(), content, "ACME_SECRET", "canary", "CALLVAULT_HEALTH_ADDRESS", "127.0.0.1:2")
	require.ErrorContains(t, err, "healthAddress (line 7): is set in addition to CALLVAULT_HEALTH_ADDRESS")
	for _, both := range []string{content, valid} {
		config, err := readFileOf(t, t.TempDir(), both, "ACME_SECRET", "canary", "CALLVAULT_HEALTH_ADDRESS", "127.0.0.1:1")
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1:1", config.HealthAddress)
	}
}

func TestUnusableFileIsRefused(t *testing.T) {
	for name, row := range map[string]struct{ content, says string }{
		"empty":              {"", "is empty: write the accounts into it"},
		"comments alone":     {"# canary\n", "is empty"},
		"not YAML":           {"accounts: [canary\n", "is not valid YAML (line"},
		"a sign":             {"accounts:\n  - @canary\n", "is not valid YAML (line 2: found character that cannot start any token)"},
		"not text":           {"accounts: \xff", "is not valid YAML"},
		"two documents":      {valid + "---\n" + valid, `has a second document (line 7): keep one, and remove the "---"`},
		"a broken second":    {valid + "---\n[canary", "is not valid YAML"},
		"an anchor":          {"accounts: &canary []\n", `line 1 has an anchor ("&name") or an alias`},
		"an alias":           {"accounts: [&canary x,\n *canary]\n", `line 1 has an anchor`},
		"an alias of none":   {"accounts: *canary\n", `is not valid YAML (an alias ("*name") has no anchor)`},
		"a merged section":   {"a: &canary {}\naccounts:\n\t- <<: *canary\n", "line 1 has an anchor"},
		"a tag":              {"accounts:\n\t- !!binary canary\n", `line 2 has a tag ("!name"): remove it`},
		"a tag of our own":   {"accounts: !canary []\n", "line 1 has a tag"},
		"too large":          {strings.Repeat("# canary", 1<<17) + "\n", "is larger than 1048576 bytes"},
		"a billion laughs":   {laughs(), "has an anchor"},
		"ten thousand lists": {"accounts: " + strings.Repeat("[", 20_000), "is not valid YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := readFileOf(t, t.TempDir(), row.content)
			require.Nil(t, config)
			require.ErrorContains(t, err, "has 1 error(s):\n  CALLVAULT_CONFIG: ")
			require.ErrorContains(t, err, row.says)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func laughs() string {
	var b strings.Builder
	b.WriteString("a0: &a0 canary\n")
	for i := range 9 {
		fmt.Fprintf(&b, "a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	return b.String()
}

func TestFileThatCannotBeReadIsNamed(t *testing.T) {
	folder := t.TempDir()
	for _, row := range []struct{ path, says string }{
		{filepath.Join(folder, "none.yaml"), "none.yaml\" cannot be read (no such file or directory): correct the path"},
		{folder, "is not a file: name the file that holds the accounts"},
		{os.DevNull, "is not a file"},
	} {
		_, err := fromMap(map[string]string{"CALLVAULT_CONFIG": row.path})
		require.ErrorContains(t, err, "has 1 error(s):\n  CALLVAULT_CONFIG: ")
		require.ErrorContains(t, err, row.says)
	}
}

func TestKeysOfAnAccountComeFromASharedFile(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "aws", "[default]\naws_access_key_id = a\naws_secret_access_key = canary\n[acme]\naws_access_key_id = b\naws_secret_access_key = canary\n")
	for archive, id := range map[string]string{"{credentialsFile: aws}": "a", "{credentialsFile: aws, profile: acme}": "b"} {
		config, err := readFileOf(t, folder, valid+"\t\tarchive: "+archive, "ACME_SECRET", "canary", "AWS_PROFILE", "another", "AWS_ACCESS_KEY_ID", "half of the chain, which nobody uses")
		require.NoError(t, err)
		keys, err := config.Accounts[0].Archive.Credentials.GetWithContext(nil)
		require.NoError(t, err)
		require.Equal(t, id, keys.AccessKeyID)
	}
	for archive, says := range map[string]string{
		"{credentialsFile: aws, profile: other}": `accounts[0].archive.credentialsFile (line 7): the file "` + filepath.Join(folder, "aws") + `" has no keys of the profile "other"`,
		"{credentialsFile: accounts.yaml}":       "has no keys of the profile",
		"{credentialsFile: none}":                "(line 7): the file that it names cannot be read",
	} {
		_, err := readFileOf(t, folder, valid+"\t\tarchive: "+archive, "ACME_SECRET", "canary")
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "has 1 error(s)")
		require.NotContains(t, err.Error(), "canary")
	}
}

// A secret is rotated by replacing its file, while the worker runs.
func TestReplacedSecretIsReadWithoutARestart(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "secret", "canary-1")
	write(t, folder, "aws", "[default]\naws_access_key_id = first\naws_secret_access_key = canary\n")
	config, err := readFileOf(t, folder, strings.Replace(valid, "clientSecretEnv: ACME_SECRET", "clientSecretFile: secret", 1)+"\t\tarchive: {credentialsFile: aws}\n")
	require.NoError(t, err)
	one := config.Accounts[0]
	write(t, folder, "secret.new", "canary-22")
	require.NoError(t, os.Rename(filepath.Join(folder, "secret.new"), filepath.Join(folder, "secret")))
	write(t, folder, "aws", "[default]\naws_access_key_id = second\naws_secret_access_key = canary\n")
	require.Eventually(t, func() bool {
		key, err := one.Credentials.Key.Read()
		keys, keysErr := one.Archive.Credentials.GetWithContext(nil)
		return err == nil && keysErr == nil && key == "canary-22" && keys.AccessKeyID == "second"
	}, 10*time.Second, 20*time.Millisecond)
}
