variable "names" { type = set(string) }

resource "terraform_data" "run" {
  for_each         = var.names
  triggers_replace = "1"
  provisioner "local-exec" {
    command = "true"
  }
}
