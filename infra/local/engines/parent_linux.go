package main

import (
	"os/exec"
	"syscall"
)

// bindToParent lets the kernel end the child when this process dies, however it dies.
func bindToParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM, Setpgid: true}
}
