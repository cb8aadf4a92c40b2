package credential

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Unread says why a file cannot be read: its name and what is wrong, without what the system was asked to do.
func Unread(name string, err error) error {
	var said syscall.Errno
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s does not exist", name)
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf("%s is a directory, not a file", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read by this user: change its owner or its permissions", name)
	case errors.As(err, &said):
		return fmt.Errorf("%s cannot be read: %w", name, said)
	}
	return fmt.Errorf("%s: %w", name, bare(err))
}
