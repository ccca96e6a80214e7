package config

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/callvault/callvault/internal/account"
)

// healthVariable is the health address in both forms.
const healthVariable = "CALLVAULT_HEALTH_ADDRESS"

// Config is what a worker needs to know beside the connection to Temporal.
type Config struct {
	// Accounts are the accounts at the vendor that the worker serves. Required.
	Accounts []account.Settings

	// HealthAddress is where the worker serves /healthz and /readyz, for
	// example 127.0.0.1:8080. Defaults to none.
	HealthAddress string

	// Deployment names the worker's version. Defaults to none.
	Deployment Deployment

	// written is what Accounts were made of, for [Config.Effective].
	written []*written
}

// FromEnvironment reads and validates the whole configuration. Its error names
// every problem: the variable, or the path and line in the file, the value unless
// it may be secret, and the remedy.
func FromEnvironment() (*Config, error) {
	environment := make(map[string]string)
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		environment[name] = value
	}
	return fromMap(environment)
}

// IsPresent reports whether the environment says anything of an account, valid or not.
func IsPresent() bool {
	for _, name := range append(shortFormVariables(), fileVariable) {
		if isOfAccounts(name) && strings.TrimSpace(os.Getenv(name)) != "" {
			return true
		}
	}
	return false
}

// isOfAccounts reports whether a variable is set for callvault's accounts alone: those of the
// archive and of AWS may be there for other programs.
func isOfAccounts(name string) bool {
	return name == fileVariable || strings.HasPrefix(name, "SMARTASSIST_")
}

func fromMap(environment map[string]string) (*Config, error) {
	present := withoutEmpty(environment)
	var p problems
	name, what := present[fileVariable], "the configuration"
	var accounts []*written
	var health setting
	if name == "" {
		accounts = []*written{p.shortForm(present)}
	} else {
		what = fmt.Sprintf("the configuration in %q", clip(name))
		accounts, health = p.file(name, present)
		p.conflict(accounts, present)
	}
	config := &Config{HealthAddress: p.health(health, present), Deployment: p.deployment(present), written: accounts}
	for _, w := range accounts {
		config.Accounts = append(config.Accounts, p.settings(w))
	}
	p.unique(accounts)
	p.oneKeyForEachLog(accounts, config.Accounts)
	if slices.ContainsFunc(accounts, (*written).usesStandardChain) {
		p.standardChain(present)
	}
	if err := p.err(what); err != nil {
		return nil, err
	}
	return config, nil
}

// withoutEmpty returns the variables that are set. An empty one counts as unset, as
// compose files leave them.
func withoutEmpty(environment map[string]string) map[string]string {
	present := make(map[string]string)
	for name, value := range environment {
		if value = strings.TrimSpace(value); value != "" {
			present[name] = value
		}
	}
	return present
}

// health returns the health address of the file or of the environment.
func (p *problems) health(inFile setting, environment map[string]string) string {
	variable := setting{place: place{name: healthVariable}, text: environment[healthVariable]}
	switch {
	case variable.text == "":
		return p.healthAddress(inFile)
	case inFile.text != "" && inFile.text != variable.text:
		p.add(inFile.place, "is set in addition to %s: remove one of them", healthVariable)
	}
	return p.healthAddress(variable)
}
