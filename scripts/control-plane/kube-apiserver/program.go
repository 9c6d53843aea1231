// SPDX-License-Identifier: Apache-2.0

//go:build control_plane

// Package kubeapiserver only names the program that this module exists to build, so that go.mod and go.sum pin it.
package kubeapiserver

import _ "k8s.io/kubernetes/cmd/kube-apiserver/app"
