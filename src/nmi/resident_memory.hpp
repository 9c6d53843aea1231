// SPDX-License-Identifier: Apache-2.0
// Memory that a long-running process needs only while it starts.
#pragma once

namespace podid::nmi {

// Gives back what starting has left resident: free pages of the heap, and pages of programs and libraries (unmodified,
// read again from the file when they are needed), most of which is code that runs once. Call it once the process has
// started. Thread-safe; takes about a millisecond.
void give_back_startup_memory();

}  // namespace podid::nmi
