# The image of a Pulse node: for EC2 (both architectures) and for a virtual machine here, by the same scripts.
#
# Call it through packer/bake.sh, which gives the variables of the bundle, makes the output directory unique and checks the
# manifest. This file keeps to what Packer 1.6.6 and the current one both understand. Lines that start with "#modern" are for
# the current one: bake.sh takes the mark away there, and adds the plugins that it must load (modern/plugins.hcl).

variable "version" {
  type        = string
  description = "Version of the bundle."
}

variable "commit" {
  type        = string
  description = "Commit that the bundle was built from."
}

variable "bundle_dir" {
  type        = string
  description = "Directory of pulse-node-<version>-linux-<x64|arm64>.tar.gz."
}

variable "bundle_sha256" {
  type        = string
  description = "SHA-256 of the bundle that goes into this image, hex."
}

variable "output_dir" {
  type        = string
  description = "For the disk of the local image and the manifest; a new one for each run."
}

variable "os" {
  type        = string
  default     = "debian-12"
  description = "Base of the AMI: debian-12 or amazon-linux-2023."
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

variable "kms_key_id" {
  type        = string
  default     = ""
  description = "Key that encrypts the root volume; the account's default key if empty."
}

variable "root_size_gib" {
  type    = number
  default = 8
}

variable "base_image" {
  type        = string
  default     = "base.qcow2"
  description = "Disk that the local image starts from."
}

variable "base_sha256" {
  type        = string
  default     = "0000000000000000000000000000000000000000000000000000000000000000"
  description = "Its SHA-256, hex."
}

variable "ssh_enabled" {
  type        = string
  default     = "false"
  description = "\"true\" leaves sshd on in the local image, for keys that its user-data names. AMIs have Session Manager."
}

variable "bake_key_file" {
  type        = string
  default     = "bake_key"
  description = "SSH key of this bake of the local image. The image forgets it, and the user that it belongs to."
}

locals {
  amis = {
    "debian-12" = {
      owner  = "136693071363"
      x86_64 = "debian-12-amd64-*"
      arm64  = "debian-12-arm64-*"
      user   = "admin"
      device = "/dev/xvda"
    }
    "amazon-linux-2023" = {
      owner  = "137112412989"
      x86_64 = "al2023-ami-2023.*-x86_64"
      arm64  = "al2023-ami-2023.*-arm64"
      user   = "ec2-user"
      device = "/dev/xvda"
    }
  }
  ami  = local.amis[var.os]
  name = "pulse-node-${var.version}-${var.os}"
  tags = {
    Name          = "pulse-node ${var.version}"
    Version       = var.version
    Commit        = var.commit
    BundleSha256  = var.bundle_sha256
    BaseOs        = var.os
    SourceAmi     = "{{ .SourceAMI }}"
    SourceAmiName = "{{ .SourceAMIName }}"
  }
}

source "amazon-ebs" "x86_64" {
  region        = var.region
  instance_type = "c6i.large"
  ssh_username  = local.ami.user
  # The SSH client of Packer 1.6.6 signs RSA by SHA-1, which these systems refuse.
  temporary_key_pair_type = "ed25519"

  ami_name        = "${local.name}-x86_64-${formatdate("YYYYMMDDhhmmss", timestamp())}"
  ami_description = "Pulse node ${var.version} (${var.commit}) on ${var.os}"
  ena_support     = true
  tags            = local.tags
  run_tags        = { Name = "bake pulse-node ${var.version}" }
  snapshot_tags   = local.tags
  #modern imds_support = "v2.0"

  source_ami_filter {
    owners      = [local.ami.owner]
    most_recent = true
    filters = {
      name                = local.ami.x86_64
      architecture        = "x86_64"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  launch_block_device_mappings {
    device_name           = local.ami.device
    volume_type           = "gp3"
    volume_size           = var.root_size_gib
    throughput            = 125
    iops                  = 3000
    encrypted             = true
    kms_key_id            = var.kms_key_id
    delete_on_termination = true
  }

  # The instance that bakes asks for its metadata by IMDSv2, too.
  #modern metadata_options {
  #modern   http_endpoint               = "enabled"
  #modern   http_tokens                 = "required"
  #modern   http_put_response_hop_limit = 1
  #modern }
}

source "amazon-ebs" "arm64" {
  region        = var.region
  instance_type = "c7g.large"
  ssh_username  = local.ami.user
  # The SSH client of Packer 1.6.6 signs RSA by SHA-1, which these systems refuse.
  temporary_key_pair_type = "ed25519"

  ami_name        = "${local.name}-arm64-${formatdate("YYYYMMDDhhmmss", timestamp())}"
  ami_description = "Pulse node ${var.version} (${var.commit}) on ${var.os}"
  ena_support     = true
  tags            = local.tags
  run_tags        = { Name = "bake pulse-node ${var.version}" }
  snapshot_tags   = local.tags
  #modern imds_support = "v2.0"

  source_ami_filter {
    owners      = [local.ami.owner]
    most_recent = true
    filters = {
      name                = local.ami.arm64
      architecture        = "arm64"
      root-device-type    = "ebs"
      virtualization-type = "hvm"
    }
  }

  launch_block_device_mappings {
    device_name           = local.ami.device
    volume_type           = "gp3"
    volume_size           = var.root_size_gib
    throughput            = 125
    iops                  = 3000
    encrypted             = true
    kms_key_id            = var.kms_key_id
    delete_on_termination = true
  }

  # The instance that bakes asks for its metadata by IMDSv2, too.
  #modern metadata_options {
  #modern   http_endpoint               = "enabled"
  #modern   http_tokens                 = "required"
  #modern   http_put_response_hop_limit = 1
  #modern }
}

source "qemu" "local" {
  iso_url          = var.base_image
  iso_checksum     = "sha256:${var.base_sha256}"
  disk_image       = true
  skip_resize_disk = true
  skip_compaction  = true
  format           = "qcow2"
  vm_name          = "pulse-node-${var.version}.qcow2"
  output_directory = "${var.output_dir}/local"

  # On q35 the Debian cloud kernel finds no seed CD.
  accelerator    = "tcg"
  machine_type   = "pc"
  cpus           = 2
  memory         = 1024
  disk_interface = "virtio"
  net_device     = "virtio-net"
  headless       = true

  cd_label = "cidata"
  cd_files = ["${var.output_dir}/seed/user-data", "${var.output_dir}/seed/meta-data"]

  ssh_username         = "bake"
  ssh_private_key_file = var.bake_key_file
  ssh_timeout          = "10m"
  shutdown_command     = "sudo -n bash /root/last-step.sh"
  shutdown_timeout     = "3m"

  qemuargs = [
    ["-cpu", "max"],
    ["-serial", "file:${var.output_dir}/serial.log"],
    ["-device", "virtio-rng-pci"],
    ["-netdev", "user,id=user.0,hostfwd=tcp:127.0.0.1:{{ .SSHHostPort }}-:22"],
    ["-device", "virtio-net,netdev=user.0"],
  ]
}

build {
  sources = ["source.amazon-ebs.x86_64", "source.amazon-ebs.arm64", "source.qemu.local"]

  provisioner "file" {
    only        = ["amazon-ebs.x86_64", "qemu.local"]
    source      = "${var.bundle_dir}/pulse-node-${var.version}-linux-x64.tar.gz"
    destination = "/tmp/pulse-node.tar.gz"
  }

  provisioner "file" {
    only        = ["amazon-ebs.arm64"]
    source      = "${var.bundle_dir}/pulse-node-${var.version}-linux-arm64.tar.gz"
    destination = "/tmp/pulse-node.tar.gz"
  }

  # cloud-init may still be at work on the source's first boot.
  provisioner "shell" {
    inline = ["cloud-init status --wait > /dev/null || true"]
  }

  provisioner "shell" {
    only            = ["amazon-ebs.x86_64", "amazon-ebs.arm64"]
    script          = "${path.root}/scripts/ec2.sh"
    execute_command = "sudo -n env {{ .Vars }} bash -eux {{ .Path }}"
  }

  provisioner "shell" {
    environment_vars = ["BUNDLE_SHA256=${var.bundle_sha256}"]
    script           = "${path.root}/scripts/check-bundle.sh"
    execute_command  = "sudo -n env {{ .Vars }} bash -eux {{ .Path }} /tmp/pulse-node.tar.gz"
  }

  provisioner "shell" {
    script          = "${path.root}/scripts/install-bundle.sh"
    execute_command = "sudo -n env {{ .Vars }} bash -eux {{ .Path }} /tmp/pulse-node.tar.gz"
  }

  provisioner "shell" {
    environment_vars = ["VERSION=${var.version}", "COMMIT=${var.commit}", "BUNDLE_SHA256=${var.bundle_sha256}", "BASE_OS=${var.os}", "SSH_ENABLED=${var.ssh_enabled}"]
    script           = "${path.root}/scripts/configure.sh"
    execute_command  = "sudo -n env {{ .Vars }} bash -eux {{ .Path }}"
  }

  provisioner "shell" {
    script          = "${path.root}/scripts/clean.sh"
    execute_command = "sudo -n env {{ .Vars }} bash -eux {{ .Path }}"
  }

  post-processor "manifest" {
    output     = "${var.output_dir}/manifest.json"
    strip_path = true
    custom_data = {
      version       = var.version
      commit        = var.commit
      bundle_sha256 = var.bundle_sha256
      os            = var.os
    }
  }
}
