package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed package.json verify.mjs
var scripts embed.FS

// install installs the npm packages into the folder. Nothing of them runs then.
func install(ctx context.Context, folder string) error {
	for _, name := range []string{"package.json", "verify.mjs"} {
		content, err := scripts.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return inFolder(folder, exec.CommandContext(ctx, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"))
}

// verify has node verify our tokens and mint its own.
func verify(ctx context.Context, folder string) error {
	return inFolder(folder, exec.CommandContext(ctx, "node", "verify.mjs"))
}

func inFolder(folder string, command *exec.Cmd) error {
	command.Dir, command.Stdout, command.Stderr = folder, os.Stdout, os.Stderr
	err := command.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed: install Node.js 20 or later, which has it", command.Args[0])
	}
	if err != nil {
		return fmt.Errorf("%s failed (%w): its output is above", strings.Join(command.Args[:2], " "), err)
	}
	return nil
}
