#!/usr/bin/env bash
# Unpacks the programs that the lab starts as a newer Debian has them, and prints the PATH under which they come first:
#   PATH=$(tests/lab/newer.sh trixie) make test-rules test-live
# Nothing is installed. What needs a newer libc than this machine's is left out, and named; then the installed one runs.
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=${1:?usage: tests/lab/newer.sh SUITE (trixie, sid, ...)}
packages=(
  prometheus promtool prometheus-alertmanager prometheus-node-exporter prometheus-blackbox-exporter prometheus-redis-exporter
  mtail docker-compose docker-cli docker.io containerd runc
)

# The same mirror as this machine's own.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | head -1)
[[ -n $mirror ]] || { echo "tests/lab/newer.sh: no Debian mirror among this machine's sources of packages" >&2; exit 1; }
arch=$(dpkg --print-architecture)
into=$PWD/target/lab/debian-$suite
rm -rf "$into"
mkdir -p "$into"

fetch() { curl --silent --show-error --fail --location --max-time 300 --output "$into/$2" "${mirror%/}/$1"; }
fetch "dists/$suite/main/binary-$arch/Packages.xz" packages.xz
xz --decompress "$into/packages.xz"
for package in "${packages[@]}"; do
  file=$(awk -v RS= -v wanted="Package: $package" -F'\n' '$1 == wanted { for (i = 1; i <= NF; i++) if (sub(/^Filename: /, "", $i)) print $i }' "$into/packages")
  [[ -n $file ]] || { echo "not in $suite: $package" >&2; continue; }
  fetch "$file" one.deb
  dpkg-deb --extract "$into/one.deb" "$into"
done
rm "$into/one.deb" "$into/packages"
for program in "$into"/usr/bin/* "$into"/usr/sbin/*; do
  if ldd "$program" 2>&1 | grep -q 'not found'; then
    echo "does not run here: $(basename "$program") of $suite" >&2
    rm "$program"
  fi
done
echo "$into/usr/bin:$into/usr/sbin:$PATH"
