package testenv

import "syscall"

// endWithParent makes the kernel send end to the process when the one that started it dies, even of SIGKILL.
func endWithParent(attr *syscall.SysProcAttr, end syscall.Signal) { attr.Pdeathsig = end }
