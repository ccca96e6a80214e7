// Package config reads the environment of callvault's worker and validates it as
// a whole, so that an operator can fix every problem at once.
package config
