# SPDX-License-Identifier: Apache-2.0
# Shared by ./dev and scripts/*. Source it from the checkout's root.
export PODID_CACHE=${PODID_CACHE:-${HOME:-/root}/.cache/podid}

# One line per long step, with the time it took, so that a log tells where the minutes went.
step() { printf '\n==> %s\n' "$*"; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }

sources() { git ls-files -co --exclude-standard 'src/*.[ch]pp' 'apps/*.[ch]pp' 'tests/*.[ch]pp' 'bench/*.[ch]pp' 'cmake/*.[ch]pp'; }

# build PRESET [quiet]
build() {
  local preset=$1 quiet=${2:-}
  command -v clang++-19 >/dev/null || fail "clang-19 is missing: run ./dev setup (as root) first"
  [ -n "$quiet" ] || step "build $preset (into build/$preset; from nothing some minutes on 2 cores)"
  local log=build/configure-$preset.log
  mkdir -p build
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; fail "configuring failed: see above; ./dev setup installs what is missing"; }
  if [ -n "$quiet" ]; then
    cmake --build --preset "$preset" >build/build.log 2>&1 || { tail -40 build/build.log >&2; fail "the build failed"; }
  else
    # NINJA_STATUS makes a log readable: done/total and seconds.
    NINJA_STATUS='[%f/%t %es] ' cmake --build --preset "$preset" || fail "the build of preset $preset failed: the first error above is the one to read"
  fi
}

# Builds kube-apiserver and etcd where they are missing, and exports where they are, for `podid lab up --control-plane real`.
use_real_control_plane() {
  local lines
  lines=$(scripts/build-control-plane) || fail "the real control plane could not be built: see above"
  export PODID_KUBE_APISERVER=${lines#*kube-apiserver=} PODID_ETCD=${lines##*etcd=}
  PODID_KUBE_APISERVER=${PODID_KUBE_APISERVER%%$'\n'*} PODID_ETCD=${PODID_ETCD%%$'\n'*}
}
