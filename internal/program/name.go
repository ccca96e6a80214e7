package program

import (
	"os"
	"path/filepath"
	"strings"
)

// Command returns how the user runs one of callvault's programs, "worker",
// "starter" or "dev": as CALLVAULT_WORKER_COMMAND or CALLVAULT_STARTER_COMMAND says, for
// containers, which others start; or else judging by how the running program was
// started: from source by "go run", or as a binary.
func Command(name string) string {
	if command := os.Getenv("CALLVAULT_" + strings.ToUpper(name) + "_COMMAND"); command != "" {
		return command
	}
	return commandBeside(os.Args[0], name)
}

// Name returns the name under which the running program shows itself: that of
// its file, or name itself if "go run" started it.
func Name(name string) string {
	if FromSource() {
		return name
	}
	return filepath.Base(commandBeside(os.Args[0], name))
}

// FromSource reports whether the running program was started by "go run".
func FromSource() bool { return isGoRun(os.Args[0]) }

func commandBeside(running, name string) string {
	if isGoRun(running) {
		return "go run ./" + name
	}
	folder, base := filepath.Split(running)
	for _, own := range []string{"worker", "starter", "dev"} {
		if prefix, found := strings.CutSuffix(strings.TrimSuffix(base, ".exe"), own); found {
			return folder + prefix + name
		}
	}
	return "callvault-" + name // renamed by the user: the released name
}

// isGoRun reports whether path is a binary that "go run" has built, in a folder
// such as /tmp/go-build123/b001/exe.
func isGoRun(path string) bool {
	path = filepath.ToSlash(path)
	return strings.Contains(path, "/go-build") && strings.Contains(path, "/exe/")
}
