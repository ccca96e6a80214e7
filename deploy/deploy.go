// Package deploy has files of this folder for tests in ./dev. Read through a package, a changed file
// has its tests run again: go test does not look at files outside of the tests' module.
package deploy

import "embed"

// Files are the dashboard and the rules, by their paths below this folder.
//
//go:embed grafana/*.json prometheus/*.yml
var Files embed.FS
