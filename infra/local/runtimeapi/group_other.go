//go:build !unix

package runtimeapi

import "os/exec"

// separate does nothing where process groups are not as on Unix.
func separate(*exec.Cmd) {}
