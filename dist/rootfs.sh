#!/bin/bash
# Writes the whole file system of a small image, as tar, to standard output: programs, the libraries that they load, and
# what they read from a system. No shell, no package manager. The libraries are those of the system that runs this, so
# build the programs there, or on an older one.
#
#   dist/rootfs.sh target/release/heald playbooks=/usr/share/heald/playbooks | docker import - heald:local
#
# The Dockerfile does the same in its build stage. Arguments:
#   PROGRAM             a path, or a name to be found in PATH; it goes to /usr/bin under its own name
#   SOURCE=/DESTINATION a file or folder and what it is to be there
#   UID@/FOLDER         an empty folder of that user, for a volume
set -euo pipefail

PATH="$PATH:/usr/sbin:/sbin"
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
install -d -m 0755 "$root/root"
owned=()

library() {
  [[ -e $root/root$1 ]] || install -D -m 0755 "$1" "$root/root$1"
}

program() {
  local file path
  file=$(command -v "$1") || { echo "$0: no program $1" >&2 && return 1; }
  install -D -m 0755 "$file" "$root/root/usr/bin/$(basename "$1")"
  # Lines of ldd: `libc.so.6 => /lib/…/libc.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`. A static one has none.
  while read -r path; do
    library "$path"
  done < <(ldd "$file" 2>/dev/null | grep --only-matching '/[^ ]*\.so[^ ]*' || true)
}

for argument in "$@"; do
  case $argument in
    *@/*)
      owned+=("${argument%%@*}" "${argument#*@/}")
      install -d -m 0755 "$root/root/$(dirname "${argument#*@/}")" "$root/owned/${argument#*@/}"
      ;;
    *=/*)
      mkdir -p "$root/root$(dirname "${argument#*=}")"
      cp -rL "${argument%%=*}" "$root/root${argument#*=}"
      ;;
    *) program "$argument" ;;
  esac
done

# Names of users are for people who look into the container; 65532 is the number that such images use for "nobody special".
mkdir -p "$root/root/etc/ssl/certs"
printf '%s\n' 'root:x:0:0:root:/:/none' 'nobody:x:65534:65534:nobody:/:/none' 'heald:x:65532:65532:heald:/:/none' >"$root/root/etc/passwd"
printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' 'heald:x:65532:' >"$root/root/etc/group"
echo 'hosts: files dns' >"$root/root/etc/nsswitch.conf"
# To call people over TLS, and for time zones of maintenance windows.
for file in /etc/ssl/certs/ca-certificates.crt /usr/share/zoneinfo; do
  [[ ! -e $file ]] || { mkdir -p "$root/root$(dirname "$file")" && cp -rL "$file" "$root/root$file"; }
done
chmod -R u+rwX,go+rX,go-w "$root/root"

tar --sort=name --numeric-owner --owner=0 --group=0 -C "$root/root" -cf "$root/image.tar" .
set -- "${owned[@]}"
while [[ $# -gt 0 ]]; do
  tar --numeric-owner --owner="$1" --group="$1" --mode=0750 --no-recursion -C "$root/owned" -rf "$root/image.tar" "./$2"
  shift 2
done
cat "$root/image.tar"
