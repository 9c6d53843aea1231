// SPDX-License-Identifier: Apache-2.0
// Starts and ends the lab's programs. They outlive the command that starts them; their output goes to
// logs/<name>.log.
#pragma once
#include "base/async.hpp"
#include "base/error.hpp"
#include "lab/cluster/state.hpp"

namespace podid::lab::cluster {

// Starts the component in its namespace, in a session of its own, and records pid and start time in it (the
// caller saves the state).
base::Result<> start_component(const Layout& layout, Component& component);

// Whether the recorded process is still that program.
bool is_running(const Component& component);

// Sends the signal and waits until the process has ended; after `patience` it is killed. Then
// all that it has started in its group are killed and waited for, as long again at most. A program that does
// not run is success. Clears the pid.
base::Task<base::Result<>> stop_component(Component& component, int signal, std::chrono::seconds patience);

}  // namespace podid::lab::cluster
