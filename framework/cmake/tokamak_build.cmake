# Compiler settings, third-party packages and the three functions every folder uses:
# tokamak_library, tokamak_plugin and tokamak_test.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, RelWithDebInfo or Debug" FORCE)
endif()
# -O2 for the whole tree; kernels/ raises its own level. Assertions stay on outside Release.
string(REPLACE "-O3" "-O2" CMAKE_CXX_FLAGS_RELEASE "${CMAKE_CXX_FLAGS_RELEASE}")
string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
string(REPLACE "-DNDEBUG" "" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")

set(TOKAMAK_SANITIZE "" CACHE STRING "Comma-separated sanitizers, e.g. address,undefined")
set(TOKAMAK_TIMEOUT_FACTOR 1) # for ctest's entries
if(TOKAMAK_SANITIZE)
  set(TOKAMAK_TIMEOUT_FACTOR 10)
  # CAF's templates take half as long to compile this way; line numbers are all that a report needs.
  string(REPLACE "-O2 -g" "-O1 -g1" CMAKE_C_FLAGS_RELWITHDEBINFO "${CMAKE_C_FLAGS_RELWITHDEBINFO}")
  string(REPLACE "-O2 -g" "-O1 -g1" CMAKE_CXX_FLAGS_RELWITHDEBINFO "${CMAKE_CXX_FLAGS_RELWITHDEBINFO}")
  add_compile_options(-fsanitize=${TOKAMAK_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TOKAMAK_SANITIZE})
  # Indices into spans and vectors that stay within an allocation are wrong too, and only this sees them.
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  if(TOKAMAK_SANITIZE MATCHES "undefined")
    # CAF 0.17's spawn helpers bind references to null members in unevaluated ways.
    add_compile_options(-fno-sanitize=null -fno-sanitize-recover=undefined)
    # Typeinfo of CAF's templates differs between hidden-visibility objects.
    add_compile_options(-fno-sanitize=vptr)
  endif()
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 with sanitizers takes the inactive alternatives of a std::variant for uninitialised.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(FlatBuffers REQUIRED NAMES flatbuffers FlatBuffers)
find_package(CAF 0.17 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(jemalloc REQUIRED IMPORTED_TARGET jemalloc)
pkg_check_modules(libzmq REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(libpcre2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(libsodium REQUIRED IMPORTED_TARGET libsodium)

# Warnings are errors in our own code only.
add_library(tokamak_warnings INTERFACE)
target_compile_options(tokamak_warnings INTERFACE -Wall -Wextra -Wpedantic -Werror)

# tokamak_library(NAME SOURCES ... [DEPENDS ...]): a static library of the framework; headers are
# included as "framework-folder/file.hpp" from the folder above.
function(tokamak_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/framework)
  target_link_libraries(${name} PUBLIC ${arg_DEPENDS} PRIVATE tokamak_warnings ${arg_PRIVATE_DEPENDS})
endfunction()

# tokamak_plugin(NAME SOURCES ... [DEPENDS ...]): a loadable plugin NAME.so with one exported symbol.
function(tokamak_plugin name)
  cmake_parse_arguments(arg "" "" "SOURCES;DEPENDS" ${ARGN})
  add_library(plugin_${name} MODULE ${arg_SOURCES})
  set_target_properties(plugin_${name} PROPERTIES
    OUTPUT_NAME ${name} PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/tokamak/plugins)
  target_link_libraries(plugin_${name} PRIVATE tokamak_plugin_sdk tokamak_warnings ${arg_DEPENDS})
  if(NOT TOKAMAK_SANITIZE)
    target_link_options(plugin_${name} PRIVATE -Wl,--no-undefined)
  endif()
  target_link_options(plugin_${name} PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/sdk/plugin/plugin.map -Wl,--exclude-libs,ALL)
  set_target_properties(plugin_${name} PROPERTIES
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/sdk/plugin/plugin.map)
  set_property(GLOBAL APPEND PROPERTY TOKAMAK_PLUGINS plugin_${name})
endfunction()

# tokamak_test(NAME SOURCES ... [DEPENDS ...] [TIMEOUT seconds] [LABELS ...]): one doctest program, one
# ctest entry. tests/doctest_main.cpp supplies main.
function(tokamak_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * ${TOKAMAK_TIMEOUT_FACTOR}")
  add_executable(test_${name} ${arg_SOURCES})
  target_link_libraries(test_${name} PRIVATE ${arg_DEPENDS} tokamak_doctest_main tokamak_warnings)
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
    ENVIRONMENT "TOKAMAK_SHARED=${PROJECT_SOURCE_DIR}/../shared;TOKAMAK_PLUGIN_PATH=${PROJECT_BINARY_DIR}/lib/tokamak/plugins;TOKAMAK_TEST_PLUGINS=${PROJECT_BINARY_DIR}/tests/plugins;TOKAMAK_BIN=${PROJECT_BINARY_DIR}/bin")
endfunction()

# tokamak_install_test(NAME SCRIPT): one ctest entry that installs this build, builds something against the prefix and
# uses it: SCRIPT SOURCE_TREE BUILD_TREE CMAKE CXX_COMPILER; 77 is "skipped". Needs a whole build.
function(tokamak_install_test name script)
  math(EXPR timeout "300 * ${TOKAMAK_TIMEOUT_FACTOR}")
  add_test(NAME ${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}
           ${CMAKE_COMMAND} ${CMAKE_CXX_COMPILER})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${timeout} SKIP_RETURN_CODE 77)
  if(TOKAMAK_SANITIZE) # an installed library of this build links only with its sanitizer
    set_tests_properties(${name} PROPERTIES ENVIRONMENT "CXXFLAGS=-fsanitize=${TOKAMAK_SANITIZE}")
  endif()
endfunction()
