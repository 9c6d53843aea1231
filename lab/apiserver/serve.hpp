// SPDX-License-Identifier: Apache-2.0
// The process behind `podid lab serve-apiserver`.
#pragma once
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "lab/apiserver/wire/limits.hpp"

namespace podid::lab::apiserver {

struct ServeOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  int listen_fd = -1;                 // an inherited listening socket, in place of address and port
  std::string certificate_file = {};  // PEM chain, with key_file; both empty: plain HTTP
  std::string key_file = {};
  std::string token_file = {};  // lines `token,user,uid[,"group,group"]`, as --token-auth-file of the real
                                // server; empty: no authentication
  std::string state_file = {};  // keeps objects and resourceVersions across restarts; empty: memory only
  Limits limits = {};
};

// Serves until SIGTERM or SIGINT. Once it listens, prints one line to standard output:
//   {"address":"127.0.0.1","port":40123,"url":"https://127.0.0.1:40123"}
// Returns after a regular end; every error names the file or address and what is wrong with it.
base::Result<> run_api_server(const ServeOptions& options);

}  // namespace podid::lab::apiserver
