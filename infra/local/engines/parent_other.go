//go:build !linux

package main

import "os/exec"

// bindToParent does nothing here: only Linux can tie a child to its parent.
func bindToParent(*exec.Cmd) {}
