package main

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// running is a store that accepts requests, or soon will.
type running struct {
	endpoint             string
	accessKey, secretKey string
	kmsKey               string
	log                  string // the path of its output; empty for a store in this process
	ended                chan struct{}
	stop                 func()
}

// lastOutput returns the end of what the store printed.
func (r *running) lastOutput() string {
	output, err := os.ReadFile(r.log)
	if err != nil {
		return ""
	}
	return lastLines(string(output), 20)
}

// launch starts a program that ends with this process at the latest. Its output goes
// to a file in folder.
func (r *running) launch(folder string, environment []string, program string, arguments ...string) error {
	r.log = filepath.Join(folder, "log")
	log, err := os.Create(r.log)
	if err != nil {
		return err
	}
	command := exec.Command(program, arguments...) //nolint:gosec,noctx // the stores' programs; they are killed by stop
	command.Dir = folder
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + folder}, environment...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = endsWithParent()
	r.ended = make(chan struct{})
	started := make(chan error)
	go func() {
		// The signal of the parent's death is that of the thread that started the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(r.ended)
		defer log.Close()
		err := command.Start()
		started <- err
		if err == nil {
			_ = command.Wait() // It is always killed.
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", program, err)
	}
	r.stop = func() {
		_ = command.Process.Kill() // It may have ended.
		<-r.ended
	}
	return nil
}

// newSecret returns a key for one run.
func newSecret() string { return rand.Text() }
