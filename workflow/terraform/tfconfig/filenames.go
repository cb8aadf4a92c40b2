package tfconfig

import (
	"path"
	"strings"
)

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
	if name := path.Base(file); strings.HasSuffix(name, ".tfvars") || strings.HasSuffix(name, ".tfvars.json") {
		name = strings.TrimSuffix(name, ".json")
		return name == "terraform.tfvars" || strings.HasSuffix(name, ".auto.tfvars") // others only where they are asked for
	}
	return configuration(file)
}

// unitSettings reports whether a file is of a sort that units of Terragrunt include.
func unitSettings(file string) bool {
	name := path.Base(file)
	for _, s := range []string{".tftest.hcl", ".pkr.hcl", ".nomad.hcl", LockFile, ".tflint.hcl"} {
		if strings.HasSuffix(name, s) {
			return false
		}
	}
	for _, s := range []string{".hcl", ".hcl.json", ".tfvars", ".tfvars.json"} {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return path.Dir(file) != "." && (strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") || strings.HasSuffix(name, ".json"))
}
