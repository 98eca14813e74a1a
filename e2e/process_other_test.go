//go:build !linux

package e2e

import "syscall"

// endWithParent does nothing: only Linux can tie a process to the one that started it.
func endWithParent(*syscall.SysProcAttr) {}
