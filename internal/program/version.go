package program

import (
	"cmp"
	"fmt"
	"runtime/debug"
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
