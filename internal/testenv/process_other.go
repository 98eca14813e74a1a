//go:build !linux

package testenv

import "syscall"

// endWithParent does nothing: only Linux can tie a process to the one that started it.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
