package main

import (
	"fmt"
	"strings"
)

// The sample is a typical monorepo: four components in three environments, three shared
// modules, state outside the repository.
var (
	sampleEnvironments = []string{"dev", "stage", "prod"}
	sampleComponents   = []string{"cluster", "database", "dns", "network"}
)

// sampleFiles is the main branch; stateDir is where the projects keep their state.
func sampleFiles(stateDir string) map[string]string {
	files := map[string]string{
		".cardea.yml":              "version: 1\nautodiscover:\n  pattern: \"{environment}/{component}\"\nprojects:\n  - dir: prod/dns\n    watch: [\"../../shared/zones.json\"]\n",
		"README.md":                "# infra\n\nEverything we run, planned by Cardea.\n",
		"shared/zones.json":        "{\"zones\": [\"example.com\", \"example.net\"]}\n",
		"modules/network/main.tf":  sampleNetwork,
		"modules/database/main.tf": sampleDatabase,
		"modules/cluster/main.tf":  sampleCluster,
		// It writes down what it did: nothing else tells so reliably how often something was
		// applied.
		"modules/cluster/upgrade.sh": "#!/bin/sh\necho \"upgrading $1\"\necho \"$1\" >> '" + stateDir + "/upgrades'\n",
	}
	for i, env := range sampleEnvironments {
		backend := func(component string) string {
			return fmt.Sprintf("terraform {\n  backend \"local\" {\n    path = %q\n  }\n}\n\n",
				stateDir+"/"+env+"/"+component+".tfstate")
		}
		files[env+"/network/main.tf"] = backend("network") +
			fmt.Sprintf("module \"network\" {\n  source      = \"../../modules/network\"\n  environment = %q\n  cidr        = \"10.%d.0.0/16\"\n  subnets     = %d\n}\n", env, i*16, i+2)
		files[env+"/database/main.tf"] = backend("database") +
			fmt.Sprintf("module \"database\" {\n  source      = \"../../modules/database\"\n  environment = %q\n  version_tag = \"15\"\n  size        = %d\n}\n", env, 20<<i)
		files[env+"/cluster/main.tf"] = backend("cluster") +
			fmt.Sprintf("module \"cluster\" {\n  source      = \"../../modules/cluster\"\n  environment = %q\n  nodes       = %d\n}\n", env, i*2+1)
		files[env+"/dns/main.tf"] = backend("dns") +
			fmt.Sprintf("locals {\n  zones = jsondecode(file(\"${path.module}/../../shared/zones.json\")).zones\n}\n\nresource \"terraform_data\" \"zone\" {\n  for_each = toset(local.zones)\n  input = {\n    name        = each.value\n    environment = %q\n    ttl         = 300\n  }\n}\n", env)
	}
	return files
}

// sampleChange is the first pull: a module that three environments share, a
// replaced and a destroyed resource in prod, a secret, and a provisioner.
func sampleChange(stateDir string) map[string]string {
	main := sampleFiles(stateDir)
	return map[string]string{
		"modules/network/main.tf": strings.Replace(main["modules/network/main.tf"],
			"flow_logs = false", "flow_logs = true", 1),
		"prod/network/main.tf": strings.Replace(main["prod/network/main.tf"], "subnets     = 4", "subnets     = 3", 1),
		"prod/database/main.tf": strings.Replace(main["prod/database/main.tf"],
			"version_tag = \"15\"", "version_tag = \"16\"", 1) +
			"\nvariable \"password\" {\n  type      = string\n  sensitive = true\n  default   = \"correct-horse-battery-staple\"\n}\n\nresource \"terraform_data\" \"admin\" {\n  input = {\n    user     = \"admin\"\n    password = var.password\n  }\n}\n",
		"stage/cluster/main.tf": strings.Replace(main["stage/cluster/main.tf"], "nodes       = 3", "nodes       = 5", 1),
	}
}

// sampleMistake is the second pull: its plan fails.
func sampleMistake(stateDir string) map[string]string {
	main := sampleFiles(stateDir)
	return map[string]string{
		"dev/dns/main.tf":       strings.Replace(main["dev/dns/main.tf"], "ttl         = 300", "ttl         = var.ttl", 1),
		"stage/network/main.tf": strings.Replace(main["stage/network/main.tf"], "subnets     = 3", "subnets     = 4", 1),
	}
}

const sampleNetwork = `variable "environment" { type = string }
variable "cidr" { type = string }
variable "subnets" { type = number }

resource "terraform_data" "network" {
  input = {
    name      = "${var.environment}-network"
    cidr      = var.cidr
    flow_logs = false
  }
}

resource "terraform_data" "subnet" {
  count = var.subnets
  input = {
    cidr    = cidrsubnet(var.cidr, 4, count.index)
    network = "${var.environment}-network"
  }
}
`

const sampleDatabase = `variable "environment" { type = string }
variable "version_tag" { type = string }
variable "size" { type = number }

resource "terraform_data" "instance" {
  triggers_replace = [var.version_tag]
  input = {
    name    = "${var.environment}-db"
    engine  = "postgres ${var.version_tag}"
    storage = var.size
  }
}

resource "terraform_data" "parameters" {
  input = <<-EOT
    max_connections = 200
    shared_buffers = ${var.size * 16}MB
    log_min_duration_statement = 500
  EOT
}
`

const sampleCluster = `variable "environment" { type = string }
variable "nodes" { type = number }

resource "terraform_data" "control_plane" {
  input = "${var.environment}-control"
}

resource "terraform_data" "node" {
  count = var.nodes
  input = {
    name = "${var.environment}-node-${count.index}"
    type = "m7g.large"
  }

  provisioner "local-exec" {
    command = "sh ${path.module}/upgrade.sh ${self.input.name}"
  }
}
`
