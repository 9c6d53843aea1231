#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The NMI's fence (docs/operating-nmi.md#the-fence), from the boot of a node on: routing rules that drop what would be forwarded to the
# metadata endpoint and to the wireserver. Exactly those that the NMI lays with its default flags; with others it replaces them.
# podid-boot-rules.sh add | delete
set -u

rules() {
  echo "pref 5 nop"
  for address in 169.254.169.254 168.63.129.16; do echo "pref 2 iif lo to $address goto 5"; done
  for pref in 3 4; do
    echo "pref $pref to 169.254.169.254 blackhole"
    for port in 80 32526; do echo "pref $pref to 168.63.129.16 ipproto tcp dport $port blackhole"; done
  done
}

case "${1-}" in
  add) rules ;;
  delete) rules | tac ;;  # what is closed is opened before the node's own way goes
  *) echo "usage: $0 add|delete" >&2; exit 2 ;;
esac | while read -r rule; do
  # One that is there, or has gone, is as wanted.
  # shellcheck disable=SC2086
  said=$(ip -4 rule "$1" $rule protocol kernel 2>&1) && continue
  case "$said" in
    *"File exists"* | *"No such file"*) ;;
    *) echo "$rule: $said" >&2; exit 1 ;;
  esac
done
