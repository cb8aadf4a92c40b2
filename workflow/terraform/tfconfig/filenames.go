package tfconfig

import "strings"

// configuration reports whether a file is one whose whole meaning stands in a plan,
// by its name: Terraform's and OpenTofu's configuration and variable files.
func configuration(file string) bool {
	for _, suffix := range []string{".tf", ".tofu", ".tf.json", ".tofu.json", ".tfvars", ".tfvars.json"} {
		if strings.HasSuffix(file, suffix) {
			return true
		}
	}
	return false
}

// readByTool reports whether Terraform or OpenTofu reads a file unasked where it lies.
func readByTool(file string) bool {
	for _, suffix := range []string{"test.hcl", "test.json", LockFile, ".tfmock.hcl", ".tfmock.json"} {
		if strings.HasSuffix(file, suffix) {
			return true
		}
	}
	return configuration(file)
}
