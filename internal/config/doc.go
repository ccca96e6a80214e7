// Package config reads the configuration of callvault's programs and validates it
// as a whole, so that an operator can fix every problem at once.
//
// There are two forms: a YAML file of any number of accounts, which CALLVAULT_CONFIG
// names, and environment variables for one account. Both are read into the same
// settings, listed in keys.go, and validated by the same code.
package config
