// Package config reads the environment of callvault's programs and judges it
// as a whole, so that an operator mends every fault in one go.
package config
