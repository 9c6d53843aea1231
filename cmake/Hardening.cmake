# SPDX-License-Identifier: Apache-2.0
# What makes a fault in memory harder to use, in the programs that ship. scripts/check_hardening.py finds each of these in the programs
# or in the commands that compiled them: an option that comes in here goes there, too.

# Checks within the standard library's containers; also where the sanitizers run, so that all tests have passed with them.
if(PODID_SANITIZE)
  target_compile_definitions(podid_options INTERFACE _GLIBCXX_ASSERTIONS)
endif()
target_compile_definitions(podid_options INTERFACE $<$<CONFIG:Release>:_GLIBCXX_ASSERTIONS>)

# Where the processor has it, an indirect jump ends where one may, and a function returns to where it was called from.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  set(PODID_CONTROL_FLOW -mbranch-protection=standard)
else()
  set(PODID_CONTROL_FLOW -fcf-protection=full)
endif()
set(PODID_PROTECTIONS $<$<CONFIG:Release>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3;-fstack-protector-strong>
                      $<$<CONFIG:Release>:-fstack-clash-protection;-ftrivial-auto-var-init=zero;${PODID_CONTROL_FLOW}>)
target_compile_options(podid_options INTERFACE $<$<CONFIG:Release>:-fPIE> ${PODID_PROTECTIONS})
target_link_options(podid_options INTERFACE $<$<CONFIG:Release>:-pie;LINKER:-z,relro,-z,now,-z,noexecstack>)
