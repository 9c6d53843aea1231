# SPDX-License-Identifier: Apache-2.0
# One helper per kind of target, so that a folder's CMakeLists.txt is a list of sources and dependencies.

# The precompiled headers that most files need anyway (Asio, boost.json, the standard library).
add_library(podid_pch OBJECT ${CMAKE_SOURCE_DIR}/cmake/pch.cpp)
target_link_libraries(podid_pch PUBLIC podid_options Threads::Threads OpenSSL::SSL Boost::headers Boost::json fmt::fmt
                      spdlog::spdlog)
target_precompile_headers(podid_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.hpp)

# podid_library(<folder> SOURCES <file> ... [DEPS other-folder lib ...])
# Folder = namespace = target. Headers are included as "<folder>/<name>.hpp", from src or, in the lab alone, from the top.
function(podid_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  set(top ${CMAKE_SOURCE_DIR}/src)
  if(name MATCHES "^lab")
    set(top ${CMAKE_SOURCE_DIR})
    target_include_directories(${name} PUBLIC ${top})
  endif()
  target_link_libraries(${name} PUBLIC podid_options Threads::Threads OpenSSL::SSL OpenSSL::Crypto Boost::headers
                        Boost::json fmt::fmt spdlog::spdlog ${ARG_DEPS})
  target_precompile_headers(${name} REUSE_FROM podid_pch)
  # Every header must compile alone: one generated file per header that includes nothing else.
  set(folders ${ARG_SOURCES})
  list(TRANSFORM folders REPLACE "[^/]+$" "*.hpp")
  list(TRANSFORM folders PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  list(REMOVE_DUPLICATES folders)
  file(GLOB headers CONFIGURE_DEPENDS RELATIVE ${top} ${folders})
  set(checks "")
  foreach(header IN LISTS headers)
    string(REPLACE "/" "_" stem ${header})
    set(check ${CMAKE_CURRENT_BINARY_DIR}/header_check/${stem}.cpp)
    file(CONFIGURE OUTPUT ${check} CONTENT "#include \"${header}\"\n")
    list(APPEND checks ${check})
  endforeach()
  if(checks)
    add_library(${name}_header_check OBJECT EXCLUDE_FROM_ALL ${checks})
    target_link_libraries(${name}_header_check PRIVATE ${name})
    # Whether it compiles is the question: no code is made.
    target_compile_options(${name}_header_check PRIVATE -fsyntax-only)
    set_property(GLOBAL APPEND PROPERTY PODID_HEADER_CHECKS ${name}_header_check)
  endif()
endfunction()

# podid_program(<name> SOURCES ... DEPS ...)
function(podid_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_program ${ARG_SOURCES})
  set_target_properties(${name}_program PROPERTIES OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  target_link_libraries(${name}_program PRIVATE podid_options ${ARG_DEPS})
  target_precompile_headers(${name}_program REUSE_FROM podid_pch)
endfunction()

# podid_test(<folder> SOURCES <file> ... [DEPS ...] [LABELS ...] [ROOT])
# One binary per folder; each TEST is a ctest case with the folder as label.
function(podid_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name}_tests ${ARG_SOURCES})
  target_include_directories(${name}_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${name}_tests PRIVATE ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_precompile_headers(${name}_tests REUSE_FROM podid_pch)
  include(GoogleTest)
  gtest_discover_tests(${name}_tests TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST
                       PROPERTIES LABELS "${name};${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# podid_fuzz(<name> SOURCES <file> DEPS ...): built with PODID_FUZZ only. Corpus: tests/fuzz/corpus/<name>/.
function(podid_fuzz name)
  if(NOT PODID_FUZZ)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_fuzz ${ARG_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE ${ARG_DEPS})
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  set_target_properties(${name}_fuzz PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  set_property(GLOBAL APPEND PROPERTY PODID_FUZZERS ${name}_fuzz)
endfunction()
