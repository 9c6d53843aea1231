// SPDX-License-Identifier: Apache-2.0

//go:build control_plane

// Package etcd only names the program that this module exists to build, so that go.mod and go.sum pin it.
package etcd

import _ "go.etcd.io/etcd/server/v3/etcdmain"
