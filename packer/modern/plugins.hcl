# For Packer 1.7 and newer, where builders are plugins. Packer 1.6.6 refuses this block, so the name does not end in .pkr.hcl:
# bake.sh and check.sh put it beside the template where it is understood.

packer {
  required_version = ">= 1.7.0"
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.3.0"
    }
    qemu = {
      source  = "github.com/hashicorp/qemu"
      version = ">= 1.1.0"
    }
  }
}
