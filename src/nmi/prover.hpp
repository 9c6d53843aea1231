// SPDX-License-Identifier: Apache-2.0
// `nmi prove`: an ordinary pod asks the metadata endpoint for what the NMI alone answers (nmi.md §11.4). Plain sockets, no
// thread, no event loop: it runs on every node and should cost nothing.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace podid::nmi {

struct ProverOptions {
  std::string address = "169.254.169.254";
  std::uint16_t port = 80;
  std::chrono::seconds interval{10};
  std::chrono::seconds timeout{5};
  bool once = false;
};

// Reads the arguments behind `nmi prove` and asks: with --once one time, else for ever. The exit status: 0 the NMI has
// answered, 1 it has not, 2 the arguments are wrong.
int run_prover(int argc, char** argv);

// One question. Why it was not answered by an NMI; empty: it was.
std::string ask_for_proof(const ProverOptions& options);

}  // namespace podid::nmi
