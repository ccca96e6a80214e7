package program

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"strings"
)

// Version returns the version of the running program from what the Go build
// recorded: the module's version, or the commit that it was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return versionOf(info)
}

// BuildID returns the version of the running program if no other build has the same one, such
// as v0.3.0; empty if it was built from a changed working tree or without a version.
func BuildID() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	return buildIDOf(info)
}

func buildIDOf(info *debug.BuildInfo) string {
	version := info.Main.Version
	if version == "" || version == "(devel)" || strings.HasSuffix(version, "+dirty") {
		return ""
	}
	return version
}

func versionOf(info *debug.BuildInfo) string {
	settings := make(map[string]string)
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	version := cmp.Or(info.Main.Version, "(devel)")
	if revision := settings["vcs.revision"]; revision != "" {
		version += fmt.Sprintf(" (commit %.12s of %s)", revision, settings["vcs.time"])
	}
	return version + " " + info.GoVersion
}
