//go:build !linux

package main

import "syscall"

// endsWithParent does nothing: only Linux kills children with their parent.
func endsWithParent() *syscall.SysProcAttr { return nil }
