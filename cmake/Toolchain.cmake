# SPDX-License-Identifier: Apache-2.0
# Compiler, warnings, sanitizers and the libraries of the whole project.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles C++20 coroutines (double frees, wrong branches, "
                      "no warning). Build with clang-19: ./dev build does, or pass -DCMAKE_CXX_COMPILER=clang++-19.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(PODID_BENCH "Build the benchmarks" OFF)
option(PODID_FUZZ "Build the fuzz targets (libFuzzer, clang only)" OFF)
set(PODID_SANITIZE "" CACHE STRING "Sanitizers for everything, as -fsanitize= takes them, e.g. address,undefined")

add_library(podid_options INTERFACE)
target_compile_options(podid_options INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor
                       -Wimplicit-fallthrough -Wconversion -Wno-sign-conversion -Wthread-safety)
target_compile_definitions(podid_options INTERFACE BOOST_ASIO_SEPARATE_COMPILATION
                           BOOST_ASIO_NO_DEPRECATED SPDLOG_COMPILED_LIB
                           SPDLOG_FMT_EXTERNAL)
if(PODID_SANITIZE)
  target_compile_options(podid_options INTERFACE -fsanitize=${PODID_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(podid_options INTERFACE -fsanitize=${PODID_SANITIZE})
endif()
if(PODID_FUZZ)
  # Coverage feedback in the libraries, the libFuzzer main only in the fuzz targets.
  target_compile_options(podid_options INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(podid_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
include(Hardening)
find_program(PODID_LLD ld.lld-19)
if(PODID_LLD)
  target_link_options(podid_options INTERFACE --ld-path=${PODID_LLD})
  # What ships is without functions that nobody calls or that are there twice: 6 % less code, all of it resident.
  target_compile_options(podid_options INTERFACE $<$<CONFIG:Release>:-ffunction-sections;-fdata-sections>)
  target_link_options(podid_options INTERFACE $<$<CONFIG:Release>:LINKER:--gc-sections,--icf=safe>)
endif()

# ccache is used where it is installed; clang's precompiled headers need the two settings to be cacheable.
find_program(PODID_CCACHE ccache)
if(PODID_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${PODID_CCACHE})
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()

find_package(Threads REQUIRED)
# What ships has OpenSSL linked in: a tenth less resident memory and a quicker start than with the shared library, most of
# which its start touches. The container image is built anew for an update of either.
option(PODID_STATIC_OPENSSL "Link OpenSSL statically" OFF)
set(OPENSSL_USE_STATIC_LIBS ${PODID_STATIC_OPENSSL})
find_package(OpenSSL 3.0 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(absl REQUIRED)
find_package(fmt 9 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
find_package(CLI11 2.1 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
find_package(prometheus-cpp REQUIRED)
if(BUILD_TESTING)
  find_package(GTest 1.12 REQUIRED)
endif()
find_package(PkgConfig REQUIRED)
pkg_check_modules(MNL REQUIRED IMPORTED_TARGET libmnl)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
