package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/callvault/callvault/internal/account"
	"github.com/callvault/callvault/internal/archive"
	"github.com/callvault/callvault/internal/smartassist"
)

// Config is what a worker needs to know beside the connection to Temporal.
type Config struct {
	// Account is the account at the vendor that the worker serves. Required.
	Account account.Settings

	// HealthAddress is where the worker serves /healthz and /readyz, for
	// example 127.0.0.1:8080. Defaults to none.
	HealthAddress string
}

// variables is the environment before validation.
type variables struct {
	URL              string   `env:"SMARTASSIST_URL"                envDefault:"https://smartassist.kore.ai"`
	BotIDs           []string `env:"SMARTASSIST_BOT_ID"`
	ClientID         string   `env:"SMARTASSIST_CLIENT_ID"`
	ClientSecret     string   `env:"SMARTASSIST_CLIENT_SECRET"`
	ClientSecretFile string   `env:"SMARTASSIST_CLIENT_SECRET_FILE"`
	CallsPerMinute   int      `env:"SMARTASSIST_CALLS_PER_MINUTE"   envDefault:"60"`
	CallsPerHour     int      `env:"SMARTASSIST_CALLS_PER_HOUR"     envDefault:"1800"`
	MediaHosts       []string `env:"SMARTASSIST_MEDIA_HOSTS"        envDefault:"*.kore.ai,*.korebots.com"`
	S3Endpoint       string   `env:"S3_ENDPOINT"                    envDefault:"https://s3.amazonaws.com"`
	S3Bucket         string   `env:"S3_BUCKET"                      envDefault:"recordings"`
	S3Region         string   `env:"S3_REGION"                      envDefault:"us-east-1"`
	S3Prefix         string   `env:"S3_PREFIX"`
	HealthAddress    string   `env:"CALLVAULT_HEALTH_ADDRESS"`
	AccessKeyID      string   `env:"AWS_ACCESS_KEY_ID"`
	SecretAccessKey  string   `env:"AWS_SECRET_ACCESS_KEY"`
}

// FromEnvironment reads and validates the whole environment. Its error names
// every problem: the variable, its value unless that is secret, and the remedy.
func FromEnvironment() (*Config, error) {
	return fromMap(env.ToMap(os.Environ()))
}

func fromMap(environment map[string]string) (*Config, error) {
	// An empty variable counts as unset, as compose files leave them.
	present := make(map[string]string)
	for name, value := range environment {
		if value = strings.TrimSpace(value); value != "" {
			present[name] = value
		}
	}
	var vars variables
	err := env.ParseWithOptions(&vars, env.Options{Environment: present})
	var unparsed env.AggregateError
	if err != nil && !errors.As(err, &unparsed) {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	// A number that the library cannot parse is 0 now, which is not a valid budget.
	var p problems
	config := &Config{
		Account: account.Settings{
			API:    p.baseURL("SMARTASSIST_URL", vars.URL),
			BotIDs: p.botIDs(vars.BotIDs),
			Credentials: smartassist.Credentials{
				ClientID:     p.required("SMARTASSIST_CLIENT_ID", vars.ClientID, "the client id of the JWT app, from the console's API settings"),
				ClientSecret: p.clientSecret(vars.ClientSecret, vars.ClientSecretFile),
			},
			Budget: account.Budget{
				CallsPerMinute: p.budget("SMARTASSIST_CALLS_PER_MINUTE", vars.CallsPerMinute, present),
				CallsPerHour:   p.budget("SMARTASSIST_CALLS_PER_HOUR", vars.CallsPerHour, present),
			},
			MediaHosts: p.hosts(vars.MediaHosts),
			Archive: archive.Config{
				Endpoint: p.endpoint("S3_ENDPOINT", vars.S3Endpoint),
				Bucket:   p.bucket(vars.S3Bucket),
				Region:   vars.S3Region,
				Prefix:   p.prefix(vars.S3Prefix),
			},
		},
		HealthAddress: p.healthAddress(vars.HealthAddress),
	}
	p.keyPair(vars.AccessKeyID, vars.SecretAccessKey)
	if len(p) > 0 {
		return nil, fmt.Errorf("the configuration has %d error(s):\n%w", len(p), errors.Join(p...))
	}
	return config, nil
}
