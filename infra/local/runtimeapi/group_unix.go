//go:build unix

package runtimeapi

import (
	"os/exec"
	"syscall"
)

// separate keeps an interrupt typed at the terminal from the functions: they are stopped by Close, after the requests.
func separate(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
