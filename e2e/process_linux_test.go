package e2e

import "syscall"

// endWithParent makes the kernel kill the process when the one that started it dies, even of SIGKILL.
func endWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
