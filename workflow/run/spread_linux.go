package run

import (
	"os"

	"golang.org/x/sys/unix"
)

// topDir is FS_TOPDIR_FL of linux/fs.h, the attribute T of chattr(1): "the
// directories below are unrelated, and are best spread over the disk".
const topDir = 0x20000

// spread sets it on the directory of runs. Else ext4 lays each new workspace where
// others were just deleted, and looks at every inode that it freed within the last
// minutes before it takes one: with many runs that is most of what a workspace
// costs. Elsewhere it does nothing, and that it cannot be set is no fault.
func spread(dir string) {
	f, err := os.Open(dir)
	if err != nil {
		return
	}
	defer f.Close()
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	if err != nil || flags&topDir != 0 {
		return
	}
	_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags|topDir)
}
