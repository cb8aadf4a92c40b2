variable "password" {
  sensitive = true
}

resource "terraform_data" "update" {
  input = { size = 12345678901234567890, zones = ["a", "c"], nested = { owner = "grace", "team/name" = "x" }, notes = "one\n2\nthree\n" }
}

resource "terraform_data" "policy" {
  input = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:Get", "s3:Put"] }] })
}

resource "terraform_data" "replace" {
  input            = "v2"
  triggers_replace = ["two"]
}

resource "terraform_data" "replace_create_first" {
  triggers_replace = { key = "two" }
  lifecycle {
    create_before_destroy = true
  }
}

resource "terraform_data" "new_name" { input = "same" }

moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}

resource "terraform_data" "new_name_too" { input = "is" }

moved {
  from = terraform_data.old_name_too
  to   = terraform_data.new_name_too
}

removed {
  from = terraform_data.forget
  lifecycle {
    destroy = false
  }
}

resource "terraform_data" "import" {}

import {
  to = terraform_data.import
  id = "abc"
}

resource "terraform_data" "import_update" {
  input = "new"
}

import {
  to = terraform_data.import_update
  id = "def"
}

resource "terraform_data" "secret" {
  input = { password = "${var.password}!", user = "admin" }
}

resource "terraform_data" "leak" {
  input = nonsensitive("postgres://cardea:${var.password}@db")
}

resource "terraform_data" "counted" {
  count = 1
  input = count.index
  provisioner "local-exec" {
    when    = destroy
    command = "true"
  }
}

module "child" {
  source = "./child"
  names  = ["one", "two", "three"]
}

data "terraform_remote_state" "later" {
  backend = "local"
  config  = { path = "${terraform_data.replace.id}.tfstate" }
}

check "names" {
  assert {
    condition     = terraform_data.update.input.size == 1
    error_message = "The size\nis not 1."
  }
}

output "changed" { value = "new" }
output "added" { value = terraform_data.replace.id }
output "same" { value = 1 }
output "becomes_sensitive" {
  value     = "visible"
  sensitive = true
}
output "secret" {
  value     = "${var.password}?"
  sensitive = true
}
