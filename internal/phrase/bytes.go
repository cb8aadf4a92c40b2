package phrase

import "fmt"

// Bytes is a size as people read it, in powers of 1,000: "812 bytes", "4.2 MB", "120 MB".
func Bytes(n int64) string {
	if n < 1000 {
		return CountOf(int(n), "byte", "bytes")
	}
	size, unit := float64(n)/1e3, 0
	units := [...]string{"kB", "MB", "GB", "TB", "PB", "EB"}
	for size >= 999.5 && unit < len(units)-1 {
		size, unit = size/1e3, unit+1
	}
	if size < 9.95 {
		return fmt.Sprintf("%.1f %s", size, units[unit])
	}
	return fmt.Sprintf("%.0f %s", size, units[unit])
}
