variable "password" {
  sensitive = true
}

resource "terraform_data" "update" {
  input = { size = 1, zones = ["a", "b", "c"], nested = { owner = "ada" }, notes = "one\ntwo\nthree\n" }
}

resource "terraform_data" "policy" {
  input = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["s3:Get"] }] })
}

resource "terraform_data" "replace" {
  input            = "v1"
  triggers_replace = ["one"]
}

resource "terraform_data" "replace_create_first" {
  triggers_replace = { key = "one" }
  lifecycle {
    create_before_destroy = true
  }
}

resource "terraform_data" "destroy" { input = "bye" }
resource "terraform_data" "old_name" { input = "same" }
resource "terraform_data" "old_name_too" { input = "was" }
resource "terraform_data" "forget" { input = "kept" }

resource "terraform_data" "secret" {
  input = { password = var.password, user = "cardea" }
}

resource "terraform_data" "counted" {
  count = 3
  input = count.index
  provisioner "local-exec" {
    when    = destroy
    command = "true"
  }
}

module "child" {
  source = "./child"
  names  = ["one"]
}

output "changed" { value = "old" }
output "gone" { value = { a = 1 } }
output "same" { value = 1 }
output "becomes_sensitive" { value = "visible" }
output "secret" {
  value     = var.password
  sensitive = true
}
