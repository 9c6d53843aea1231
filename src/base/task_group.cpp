// SPDX-License-Identifier: Apache-2.0
#include "base/task_group.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>
#include <cassert>
#include <exception>

#include "base/log.hpp"

namespace podid::base {
namespace {

void end_program_unless_cancelled(const std::exception_ptr& failure, const std::string& name) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return;
    log::error("background task failed", {{"task", name}, {"error", error.what()}});
  } catch (const std::exception& error) {
    log::error("background task failed", {{"task", name}, {"error", error.what()}});
  }
  std::terminate();
}

}  // namespace

TaskGroup::TaskGroup(Executor executor) : on_executor_(executor), executor_(executor), idle_(executor) {}

TaskGroup::~TaskGroup() { assert(running_.empty() && "stop() and join() a TaskGroup before it goes"); }

void TaskGroup::spawn(std::string_view name, Task<> task) {
  on_executor_.check();
  if (stopping_) return;
  running_.emplace_front();
  const auto self = running_.begin();
  self->name = std::string(name);
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(self->cancel.slot(), [this, self](std::exception_ptr failure) {
                   end_program_unless_cancelled(failure, self->name);
                   running_.erase(self);
                   if (running_.empty()) idle_.notify();
                 }));
}

void TaskGroup::stop() {
  // From elsewhere Asio 1.81 posts the cancellation, with a pointer that dangles once the task has ended.
  assert((running_.empty() || executor_.running_in_this_thread()) && "stop() a TaskGroup within its loop");
  stopping_ = true;
  // A cancelled task may end at once and leave the list, so step to the next entry first.
  for (auto it = running_.begin(); it != running_.end();) {
    const auto current = it++;
    current->cancel.emit(asio::cancellation_type::terminal);
  }
}

Task<> TaskGroup::join() {
  while (!running_.empty()) co_await idle_.wait();
}

}  // namespace podid::base
