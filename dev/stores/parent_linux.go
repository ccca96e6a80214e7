package main

import "syscall"

// endsWithParent lets the system kill a child if this process dies without killing it.
func endsWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
