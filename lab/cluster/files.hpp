// SPDX-License-Identifier: Apache-2.0
// The files of a lab: certificates, tokens, kubeconfigs, the simulated Azure's world and the credentials that
// go with it.
#pragma once
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "lab/cluster/layout.hpp"

namespace podid::lab::cluster {

// Writes into layout.directory (which exists):
//   ca.pem: the certificate of the authority of the lab
//   server.pem, server.key: for every host name and address of the lab
//   tokens.csv: kube-apiserver's static tokens: admin, and the service accounts of MIC and NMI
//   inside.kubeconfig, mic.kubeconfig, nmi.kubeconfig: for processes inside the lab
//   azure.json: configuration of the simulator;  cloud.json: the MIC's --cloudconfig
//   names.json: what demos and tests need to know of the simulated Azure (IDs, secrets of the service
//   principals) pod-certificate.p12: sign-in certificate of the service principal pod-certificate, empty
//   password hosts, resolv.conf: what processes of the lab see in /etc
base::Result<> write_lab_files(const Layout& layout, base::Clock& clock, base::Random& random);

// `kubeconfig`, and those of two people, `alice.kubeconfig` and `bob.kubeconfig`, for use outside: through the door on 127.0.0.1.
base::Result<> write_outside_kubeconfig(const Layout& layout, std::uint16_t port);

}  // namespace podid::lab::cluster
