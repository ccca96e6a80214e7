package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/callvault/callvault/dev/internal/system"
)

// configuredAccount is one account of a configuration file.
type configuredAccount struct {
	Name, URL string
	Bots      []string
	ClientID  string

	// Secret and the others are contents of files, which the configuration names.
	Secret, PrivateKey, EncryptionKey, AccessKeyID, SecretAccessKey string

	Algorithm, KeyAlgorithm, ContentEncryption string

	Scope             string
	Windows           []string
	Endpoint, Bucket  string
	Region, Retention string
}

// accountOf is an account with everything that the harness's simulator needs.
func accountOf(h *harness, name string) configuredAccount {
	upstream := h.Upstream.Config()
	return configuredAccount{
		Name: name, URL: h.Upstream.URL, Bots: upstream.BotIDs, ClientID: upstream.ClientID, Secret: upstream.ClientSecret,
		Windows:     []string{"6000/1m"},
		AccessKeyID: h.Env["AWS_ACCESS_KEY_ID"], SecretAccessKey: h.Env["AWS_SECRET_ACCESS_KEY"],
		Endpoint: h.Env["S3_ENDPOINT"], Bucket: h.Env["S3_BUCKET"], Region: h.Env["S3_REGION"],
	}
}

var configurationTemplate = template.Must(template.New("accounts").Parse(`accounts:
{{- range .}}
  - name: {{.Name}}
    url: {{.URL}}
    bots: [{{range $i, $bot := .Bots}}{{if $i}}, {{end}}{{$bot}}{{end}}]
    token:
      clientId: {{.ClientID}}
      {{- if .Secret}}
      clientSecretFile: {{.Name}}-client-secret
      {{- end}}
      {{- if .Algorithm}}
      algorithm: {{.Algorithm}}
      {{- end}}
      {{- if .PrivateKey}}
      privateKeyFile: {{.Name}}-private-key
      {{- end}}
      {{- if .EncryptionKey}}
      encryption: {keyFile: {{.Name}}-encryption-key, keyAlgorithm: {{.KeyAlgorithm}}, contentEncryption: {{.ContentEncryption}}}
      {{- end}}
    budget:
      {{- if .Scope}}
      scope: {{.Scope}}
      {{- end}}
      windows: [{{range $i, $window := .Windows}}{{if $i}}, {{end}}"{{$window}}"{{end}}]
    {{- if .Retention}}
    retention: {{.Retention}}
    {{- end}}
    archive:
      endpoint: {{.Endpoint}}
      bucket: {{.Bucket}}
      region: {{.Region}}
      accessKeyIdFile: {{.Name}}-access-key-id
      secretAccessKeyFile: {{.Name}}-secret-access-key
{{- end}}
`))

// configured returns the environment with a configuration file of these accounts in
// place of the variables of one. Nothing in the file or beside it may leak.
func (h *harness) configured(accounts ...configuredAccount) system.Environment {
	h.T.Helper()
	folder := h.T.TempDir()
	write := func(name, content string) {
		if content != "" {
			require.NoError(h.T, os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600))
		}
	}
	for _, account := range accounts {
		for name, content := range map[string]string{
			"client-secret": account.Secret, "private-key": account.PrivateKey, "encryption-key": account.EncryptionKey,
			"access-key-id": account.AccessKeyID, "secret-access-key": account.SecretAccessKey,
		} {
			write(account.Name+"-"+name, content)
		}
	}
	var text strings.Builder
	require.NoError(h.T, configurationTemplate.Execute(&text, accounts))
	write("accounts.yaml", text.String())

	env := h.Env.With("CALLVAULT_CONFIG", filepath.Join(folder, "accounts.yaml"))
	for name := range env {
		if strings.HasPrefix(name, "SMARTASSIST_") || strings.HasPrefix(name, "S3_") || strings.HasPrefix(name, "AWS_") || name == "CALLVAULT_LOG_KEY_FILE" {
			delete(env, name)
		}
	}
	return env
}
