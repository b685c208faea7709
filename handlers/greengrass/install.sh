#!/bin/sh
# The install step of the component: a virtual environment with the agent, every file by its hash.
#   usage: install.sh WORK
# Each version has an environment of its own, WORK/venv-HASH, and WORK/venv leads to the one in use. The
# former stays: where a deployment fails, the core goes back to it, and the network may be what failed.
# Needs Python 3.10 or newer with venv, and a package index (pip's own variables say which).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$1
in_use=$work/venv

say() { printf 'emotion-agent: %s\n' "$*"; }
fail() { printf 'emotion-agent: error: %s\n' "$*" >&2; exit 1; }

cd "$here"
sha256sum --check --quiet SHA256SUMS || fail "the artifact in $here is damaged; deploy it again"

wanted=$(sha256sum <SHA256SUMS)
venv=$work/venv-$(printf %.12s "$wanted")
former=$work/$(readlink "$in_use" || true)

use() {
  [ -L "$in_use" ] || rm -rf "$in_use"  # a folder of its own, as the first versions had it
  ln -sfn "${venv##*/}" "$in_use.new"
  mv -T "$in_use.new" "$in_use"
}

if [ "$(cat "$venv/.installed" 2>/dev/null || true)" = "$wanted" ]; then
  use
  say "is installed already"
  exit 0
fi

python=
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.10}; do
  if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
    python=$candidate; break
  fi
done
[ "$python" ] || fail "no Python 3.10 or newer with venv; install python3-venv, or give one as PYTHON"

# JetPack's TensorRT and OpenCV exist as system packages alone.
system=
if [ -e /etc/nv_tegra_release ]; then system=--system-site-packages; fi
rm -rf "$venv"
# shellcheck disable=SC2086  # empty or one option
"$python" -m venv $system "$venv" || fail "cannot make $venv"
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
{ pip install --only-binary=:all: --require-hashes -r greengrass.lock && pip install --no-deps ./*.whl; } ||
  { rm -rf "$venv"; fail "what the agent needs could not be installed"; }
cp weights/* "$venv/share/emotion-agent/"
sync  # before it counts as whole: the power may go
printf '%s\n' "$wanted" >"$venv/.installed"
use
for other in "$in_use"-*; do
  case $other in "$venv" | "$former") ;; *) rm -rf "$other" ;; esac
done
say "$("$venv/bin/emotion-agent" --version) is installed in $venv"
