# One way to declare a room's library and its unit tests.

# Flags of every target of ours; a warning is an error in each preset.
add_library(pixell_flags INTERFACE)
target_compile_options(pixell_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers -Wnon-virtual-dtor
  -Wold-style-cast -Werror -fno-strict-aliasing)
# gcc 12 takes inlined std::string::insert for an overlapping copy (gcc.gnu.org/PR105651), and an
# empty std::optional for an uninitialised one (gcc.gnu.org/PR80635).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(pixell_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
target_include_directories(pixell_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(pixell_flags INTERFACE PIXELL_VERSION="${PROJECT_VERSION}")

set(PIXELL_SANITIZE "" CACHE STRING "address,undefined | thread | empty")
if(PIXELL_SANITIZE)
  add_compile_options(-fsanitize=${PIXELL_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PIXELL_SANITIZE})
endif()

# pixell_library(<name> SOURCES … DEPS … [TESTS …] [TEST_DEPS …])
# Makes static library pixell_<name> and, when TESTS are given, the program <name>_test run by ctest.
function(pixell_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;TESTS;TEST_DEPS" ${ARGN})
  add_library(pixell_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(pixell_${name} PUBLIC ${ARG_DEPS} PRIVATE pixell_flags)
  target_include_directories(pixell_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  if(PIXELL_TESTS AND ARG_TESTS)
    add_executable(${name}_test ${ARG_TESTS})
    target_link_libraries(${name}_test PRIVATE pixell_${name} ${ARG_TEST_DEPS} pixell_flags
                          GTest::gtest GTest::gmock GTest::gtest_main)
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
                         PROPERTIES LABELS ${name} TIMEOUT 120)
  endif()
endfunction()

# pixell_program(<name> SOURCES … DEPS …): an executable in build/<preset>/bin.
function(pixell_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} pixell_flags)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()
