# SPDX-License-Identifier: Apache-2.0
# Shared by ./dev and scripts/*. Source it from the checkout's root.
export PODID_CACHE=${PODID_CACHE:-${HOME:-/root}/.cache/podid}

# One line per long step, with the time it took, so that a log tells where the minutes went.
step() { printf '\n==> %s\n' "$*"; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }

sources() { git ls-files -co --exclude-standard 'src/*.[ch]pp' 'lab/*.[ch]pp' 'apps/*.[ch]pp' 'tests/*.[ch]pp' 'bench/*.[ch]pp' 'cmake/*.[ch]pp'; }

# build PRESET [TARGET …]
build() {
  local preset=$1
  local targets=("${@:2}")
  step "build $preset${targets[*]:+: ${targets[*]}} (into build/$preset; from nothing some minutes on 2 cores)"
  configure "$preset"
  # NINJA_STATUS makes a log readable: done/total and seconds.
  NINJA_STATUS='[%f/%t %es] ' cmake --build --preset "$preset" ${targets[@]:+--target "${targets[@]}"} ||
    fail "the build of preset $preset failed: the first error above is the one to read"
}

# The same for commands whose own output is what matters.
build_quietly() {
  configure "$1"
  cmake --build --preset "$1" ${2:+--target "${@:2}"} >build/build.log 2>&1 || { tail -40 build/build.log >&2; fail "the build failed: see above and build/build.log"; }
}

configure() {
  command -v clang++-19 >/dev/null || fail "clang-19 is missing: run ./dev setup (as root) first"
  mkdir -p build
  cmake --preset "$1" >"build/configure-$1.log" 2>&1 ||
    { cat "build/configure-$1.log" >&2; fail "configuring failed: see above; ./dev setup installs what is missing"; }
}

# Builds kube-apiserver and etcd where they are missing, and exports where they are, for `podid lab up --control-plane real`.
use_real_control_plane() {
  local lines
  lines=$(scripts/build-control-plane) || fail "the real control plane could not be built: see above"
  export PODID_KUBE_APISERVER=${lines#*kube-apiserver=} PODID_ETCD=${lines##*etcd=}
  PODID_KUBE_APISERVER=${PODID_KUBE_APISERVER%%$'\n'*} PODID_ETCD=${PODID_ETCD%%$'\n'*}
}
