package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Config is what a worker needs to know beside the connection to Temporal.
type Config struct {
	SmartAssist SmartAssist
	Archive     Archive

	// HealthAddress is where the worker answers /healthz and /readyz, for
	// example 127.0.0.1:8080. Defaults to none.
	HealthAddress string
}

// SmartAssist is the upstream and the account there.
type SmartAssist struct {
	// URL is the base URL; http only for a loopback host. Defaults to
	// https://smartassist.kore.ai.
	URL *url.URL
	// BotIDs are the bots that this worker serves. Required.
	BotIDs []string
	// ClientID and ClientSecret are the JWT app's credentials. Required.
	ClientID     string
	ClientSecret string
	// CallsPerMinute and CallsPerHour are the call budget of each bot.
	// Defaults to 60 and 1800.
	CallsPerMinute int
	CallsPerHour   int
	// MediaHosts are the hosts that media may come from beside the API's own;
	// "*." matches every name below a domain. Defaults to *.kore.ai and
	// *.korebots.com.
	MediaHosts []string
}

// Archive is the S3-compatible store.
type Archive struct {
	// Endpoint is the store's address. Defaults to https://s3.amazonaws.com.
	Endpoint *url.URL
	// Bucket defaults to recordings.
	Bucket string
	// Region defaults to us-east-1.
	Region string
	// Prefix leads every key. Defaults to none.
	Prefix string
}

// variables is the environment as it stands, before it is judged.
type variables struct {
	URL              string `env:"SMARTASSIST_URL"                envDefault:"https://smartassist.kore.ai"`
	BotIDs           string `env:"SMARTASSIST_BOT_ID"`
	ClientID         string `env:"SMARTASSIST_CLIENT_ID"`
	ClientSecret     string `env:"SMARTASSIST_CLIENT_SECRET"`
	ClientSecretFile string `env:"SMARTASSIST_CLIENT_SECRET_FILE"`
	CallsPerMinute   string `env:"SMARTASSIST_CALLS_PER_MINUTE"   envDefault:"60"`
	CallsPerHour     string `env:"SMARTASSIST_CALLS_PER_HOUR"     envDefault:"1800"`
	MediaHosts       string `env:"SMARTASSIST_MEDIA_HOSTS"        envDefault:"*.kore.ai,*.korebots.com"`
	S3Endpoint       string `env:"S3_ENDPOINT"                    envDefault:"https://s3.amazonaws.com"`
	S3Bucket         string `env:"S3_BUCKET"                      envDefault:"recordings"`
	S3Region         string `env:"S3_REGION"                      envDefault:"us-east-1"`
	S3Prefix         string `env:"S3_PREFIX"`
	HealthAddress    string `env:"CALLVAULT_HEALTH_ADDRESS"`
	AccessKeyID      string `env:"AWS_ACCESS_KEY_ID"`
	SecretAccessKey  string `env:"AWS_SECRET_ACCESS_KEY"`
}

// FromEnvironment reads and judges the whole environment. Its error names
// every fault: the variable, its value unless that is secret, and the remedy.
func FromEnvironment() (*Config, error) {
	return fromMap(env.ToMap(os.Environ()))
}

func fromMap(environment map[string]string) (*Config, error) {
	var vars variables
	// An empty variable counts as unset, as compose files leave them.
	present := make(map[string]string)
	for name, value := range environment {
		if value = strings.TrimSpace(value); value != "" {
			present[name] = value
		}
	}
	if err := env.ParseWithOptions(&vars, env.Options{Environment: present}); err != nil {
		return nil, fmt.Errorf("read the environment: %w", err)
	}
	var f faults
	config := &Config{
		SmartAssist: SmartAssist{
			URL:            f.baseURL("SMARTASSIST_URL", vars.URL),
			BotIDs:         f.botIDs(vars.BotIDs),
			ClientID:       f.required("SMARTASSIST_CLIENT_ID", vars.ClientID, "the client id of the JWT app, from the console's API settings"),
			ClientSecret:   f.clientSecret(vars.ClientSecret, vars.ClientSecretFile),
			CallsPerMinute: f.budget("SMARTASSIST_CALLS_PER_MINUTE", vars.CallsPerMinute),
			CallsPerHour:   f.budget("SMARTASSIST_CALLS_PER_HOUR", vars.CallsPerHour),
			MediaHosts:     f.hosts(vars.MediaHosts),
		},
		Archive: Archive{
			Endpoint: f.endpoint("S3_ENDPOINT", vars.S3Endpoint),
			Bucket:   f.bucket(vars.S3Bucket),
			Region:   vars.S3Region,
			Prefix:   f.prefix(vars.S3Prefix),
		},
		HealthAddress: f.healthAddress(vars.HealthAddress),
	}
	f.keyPair(vars.AccessKeyID, vars.SecretAccessKey)
	if len(f) > 0 {
		return nil, fmt.Errorf("the configuration has %d fault(s):\n%w", len(f), errors.Join(f...))
	}
	return config, nil
}
