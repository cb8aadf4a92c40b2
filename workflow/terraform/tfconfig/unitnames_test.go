package tfconfig

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Of a path that Terragrunt's functions begin the end is known, and no other string is a path.
func TestPathEnds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`include "root" { path = find_in_parent_folders("root.hcl") }`:                       {"root.hcl"},
		`include "c" { path = "${get_repo_root()}/_envcommon/net.hcl" }`:                     {"/_envcommon/net.hcl"},
		`locals { v = yamldecode(file("${get_terragrunt_dir()}/../../a/v.yaml")) }`:          {"a/v.yaml"},
		`terraform { source = "${get_repo_root()}/modules//net?ref=v1" }`:                    nil,
		`terraform { source = "../../modules/${local.m}" }`:                                  {"modules"},
		`terraform { source = "git::https://example.com/a/b.git" }`:                          nil,
		`dependency "vpc" { config_path = "../vpc" }`:                                        nil,
		`inputs = { name = "prod", cidr = "a b/c", arn = "arn:x/y" }`:                        nil,
		`generate "p" { path = "provider.tf" }`:                                              nil,
		"remote_state {\n config = { key = \"${path_relative_to_include()}/x.tfstate\" }\n}": nil,
		`not hcl {`: nil,
	} {
		if diff := cmp.Diff(want, pathEnds("x.hcl", []byte(text))); diff != "" {
			t.Errorf("%s: -want +got:\n%s", text, diff)
		}
	}
}
