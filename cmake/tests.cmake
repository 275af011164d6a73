# SPDX-License-Identifier: Apache-2.0
# Tests under ctest. A file is a test by its place:
#   tests/unit/**/X_test.c        one cmocka executable each
#   tests/drivers/KIND_X_test.c   the driver X in the conformance suite of its kind
#   tests/fuzz/X/fuzz.c           replayed over tests/fuzz/X/corpus; libFuzzer in preset fuzz
#   tests/modules/X.wat           MODULES/X.wasm for the C tests (TEST_MODULES)
#   bench/micro/X.c               an executable of target `bench`, not run here; bench/epoll too
# tests/sdk and tests/e2e are node's: tools/run_tests runs them after ctest.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

set(RAMP_TEST_TIMEOUT 60 CACHE STRING "Seconds that one C test may take")

# gcc 12's thread sanitizer refuses address layouts that newer kernels draw; a fixed one always fits.
set(test_launcher)
if(RAMP_SANITIZE MATCHES "thread")
    set(test_launcher setarch -R)
endif()
# The engine has its own handler for SIGSEGV (a guest's traps), which goes on outside the handler,
# and its own fiber stacks.
set(test_environment
    "ASAN_OPTIONS=detect_stack_use_after_return=0:allow_user_segv_handler=1:abort_on_error=1"
    "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1"
    "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0"
    "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp:halt_on_error=1:report_signal_unsafe=0")

set(test_timeout ${RAMP_TEST_TIMEOUT})
if(RAMP_SANITIZE)
    math(EXPR test_timeout "${RAMP_TEST_TIMEOUT} * 3")
endif()

function(ramp_test name)
    add_test(NAME ${name} COMMAND ${test_launcher} ${ARGN})
    set_tests_properties(${name} PROPERTIES TIMEOUT ${test_timeout} ENVIRONMENT "${test_environment}")
endfunction()

# --- modules in text form ------------------------------------------------------------------------
set(module_dir "${CMAKE_BINARY_DIR}/modules")
file(MAKE_DIRECTORY "${module_dir}")
file(GLOB wats CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/modules/*.wat"
    "${CMAKE_SOURCE_DIR}/bench/rooms/*.wat")
set(wasms)
if(wats)
    find_program(WAT2WASM wat2wasm REQUIRED)
endif()
# Some modules exist to be refused for a feature. Not --enable-all: typed function references change
# what is valid in modules without them.
set(wat_features --enable-exceptions --enable-threads --enable-tail-call --enable-memory64
    --enable-multi-memory --enable-extended-const --enable-relaxed-simd)
foreach(wat ${wats})
    get_filename_component(name "${wat}" NAME_WE)
    if(wat MATCHES "/bench/")
        set(name "bench_${name}")
    endif()
    add_custom_command(OUTPUT "${module_dir}/${name}.wasm"
        COMMAND "${WAT2WASM}" ${wat_features} "${wat}" -o "${module_dir}/${name}.wasm"
        DEPENDS "${wat}" VERBATIM COMMENT "Assembling ${name}.wasm")
    list(APPEND wasms "${module_dir}/${name}.wasm")
endforeach()
add_custom_target(test_modules ALL DEPENDS ${wasms})

# --- programs --------------------------------------------------------------------------------------
# A test of a folder links what that folder may know, which also proves it (tools/tidy.py checks the
# includes).
set(libs_base ramp_base_a)
set(libs_engine ramp_engine_a ramp_base_a)
set(libs_core ramp_core_a ramp_engine_a ramp_base_a)
set(libs_wire ramp_wire_a ramp_base_a)
set(libs_io ramp_io_a ramp_base_a)
set(libs_drivers ramp_drivers_a ramp_io_a ${libs_core})
set(libs_all ${libs_core})
if(NOT RAMP_LIBRARY_ONLY)
    set(libs_all ramp_all)
endif()

# ramp_test_program(TARGET FOLDER SOURCE...)
function(ramp_test_program target folder)
    add_executable(${target} ${ARGN})
    target_include_directories(${target} PRIVATE
        "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include" "${CMAKE_SOURCE_DIR}/tests"
        "${CMAKE_SOURCE_DIR}/tests/unit")
    target_compile_definitions(${target} PRIVATE
        TEST_MODULES="${module_dir}" TEST_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
        TEST_BINARY_DIR="${CMAKE_BINARY_DIR}" RAMP_VERSION="${PROJECT_VERSION}")
    # A test may stand in for a function of libc (unit/support/signal.c), also for cmocka's calls.
    set_target_properties(${target} PROPERTIES C_VISIBILITY_PRESET default)
    if(NOT libs_${folder})
        set(folder all)
    endif()
    target_link_libraries(${target} PRIVATE ramp_flags ${libs_${folder}})
    add_dependencies(${target} test_modules)
endfunction()

# ramp_beyond_library(SOURCE RET): whether it is about more than libramp, which RAMP_LIBRARY_ONLY leaves
# out; its includes tell.
function(ramp_beyond_library source ret)
    file(STRINGS "${source}" beyond REGEX "#include \"(wire|io|drivers|server|cli)/")
    if(beyond AND RAMP_LIBRARY_ONLY)
        set(${ret} ON PARENT_SCOPE)
    else()
        set(${ret} OFF PARENT_SCOPE)
    endif()
endfunction()

# --- unit tests ----------------------------------------------------------------------------------
# What all tests share lies in tests/unit/support/*.c, what those of a folder share in its support.c.
file(GLOB_RECURSE units RELATIVE "${CMAKE_SOURCE_DIR}/tests/unit" CONFIGURE_DEPENDS
    "${CMAKE_SOURCE_DIR}/tests/unit/*_test.c")
if(RAMP_FUZZ)
    set(units) # libFuzzer targets alone
endif()
if(units)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()
file(GLOB support CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/unit/support/*.c")
list(FILTER support EXCLUDE REGEX "/signal\\.c$") # for those that name it below
if(support AND units)
    add_library(test_support STATIC ${support})
    target_include_directories(test_support PRIVATE
        "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include" "${CMAKE_SOURCE_DIR}/tests"
        "${CMAKE_SOURCE_DIR}/tests/unit")
    target_link_libraries(test_support PRIVATE ramp_flags PUBLIC ramp_base_a PkgConfig::CMOCKA)
endif()
foreach(unit ${units})
    if(RAMP_LIBRARY_ONLY AND NOT unit MATCHES "^(base|engine|core)/")
        continue()
    endif()
    string(REGEX REPLACE "_test\\.c$" "" name "${unit}")
    string(REPLACE "/" "_" target "unit_${name}")
    string(REGEX REPLACE "/.*" "" folder "${unit}")
    file(GLOB support CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/unit/${folder}/support.c")
    if(unit MATCHES "^(engine|core)/") # cmocka's handlers stay away from the engine's
        list(APPEND support "${CMAKE_SOURCE_DIR}/tests/unit/support/signal.c")
    endif()
    ramp_test_program(${target} ${folder} "${CMAKE_SOURCE_DIR}/tests/unit/${unit}" ${support})
    target_link_libraries(${target} PRIVATE PkgConfig::CMOCKA)
    if(TARGET test_support)
        target_link_libraries(${target} PRIVATE test_support)
    endif()
    if(unit MATCHES "^engine/")
        target_include_directories(${target} SYSTEM PRIVATE ${engine_include})
    endif()
    ramp_test("unit/${name}" $<TARGET_FILE:${target}>)
endforeach()

# --- conformance of drivers ------------------------------------------------------------------------
# tests/drivers/KIND_NAME_test.c hands a driver to KIND_conformance.c, whose other end is suite.c: libramp
# is not linked. What the tests of several drivers share lies beside them.
file(GLOB driver_tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/drivers/*_test.c")
set(libs_conformance ramp_drivers_a ramp_io_a ramp_base_a)
if(RAMP_FUZZ OR RAMP_LIBRARY_ONLY)
    set(driver_tests)
endif()
if(driver_tests)
    file(GLOB driver_support CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/drivers/*_rig.c"
        "${CMAKE_SOURCE_DIR}/tests/support/*_vfs.c")
    add_library(driver_support STATIC ${driver_support})
    target_include_directories(driver_support PRIVATE "${CMAKE_SOURCE_DIR}/src"
        "${CMAKE_SOURCE_DIR}/include" "${CMAKE_SOURCE_DIR}/tests")
    target_link_libraries(driver_support PRIVATE ramp_flags PUBLIC test_support ramp_drivers_a)
endif()
foreach(driver_test ${driver_tests})
    get_filename_component(name "${driver_test}" NAME)
    string(REGEX REPLACE "_test\\.c$" "" name "${name}")
    string(REGEX REPLACE "_.*" "" kind "${name}")
    ramp_test_program(drivers_${name} conformance "${driver_test}"
        "${CMAKE_SOURCE_DIR}/tests/drivers/${kind}_conformance.c"
        "${CMAKE_SOURCE_DIR}/tests/drivers/suite.c")
    target_link_libraries(drivers_${name} PRIVATE driver_support PkgConfig::CMOCKA)
    ramp_test("drivers/${name}" $<TARGET_FILE:drivers_${name}>)
endforeach()
if(TARGET unit_drivers_storage)
    target_link_libraries(unit_drivers_storage PRIVATE driver_support)
endif()

# `ramp` on a disk that forgets what is not synced: what the end-to-end tests kill.
if(TARGET ramp AND NOT RAMP_FUZZ)
    add_executable(ramp_forgetful ${ramp_main} "${CMAKE_SOURCE_DIR}/tests/support/forgetful_vfs.c"
        "${CMAKE_SOURCE_DIR}/tests/support/forgetful_default.c")
    target_include_directories(ramp_forgetful PRIVATE "${CMAKE_SOURCE_DIR}/src"
        "${CMAKE_SOURCE_DIR}/include" "${CMAKE_SOURCE_DIR}/tests")
    target_compile_definitions(ramp_forgetful PRIVATE RAMP_VERSION="${PROJECT_VERSION}")
    target_link_libraries(ramp_forgetful PRIVATE ramp_flags ramp_all)
endif()

# --- simulated histories ---------------------------------------------------------------------------
# A smoke here; RAMP_LONG=1 makes it 10,000 seeds, and `sim --seeds N --first S` any others. sim_gate
# is the same for rooms that read and write.
if(EXISTS "${CMAKE_SOURCE_DIR}/tests/sim/sim.c")
    ramp_test_program(sim core "${CMAKE_SOURCE_DIR}/tests/sim/sim.c")
    ramp_test(sim $<TARGET_FILE:sim>)
    set_tests_properties(sim PROPERTIES TIMEOUT 1800)
    ramp_test_program(sim_gate core
        "${CMAKE_SOURCE_DIR}/tests/sim/gate.c" "${CMAKE_SOURCE_DIR}/tests/sim/faults.c")
    ramp_test(sim_gate $<TARGET_FILE:sim_gate>)
    set_tests_properties(sim_gate PROPERTIES TIMEOUT 3600)
endif()

# --- fuzz targets --------------------------------------------------------------------------------
file(GLOB fuzzers CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/fuzz/*/fuzz.c")
add_custom_target(fuzz)
foreach(fuzzer ${fuzzers})
    ramp_beyond_library("${fuzzer}" is_beyond)
    if(is_beyond)
        continue()
    endif()
    get_filename_component(folder "${fuzzer}" DIRECTORY)
    get_filename_component(name "${folder}" NAME)
    if(RAMP_FUZZ)
        ramp_test_program(fuzz_${name} all "${fuzzer}")
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        add_dependencies(fuzz fuzz_${name})
    else()
        ramp_test_program(fuzz_replay_${name} all "${fuzzer}" "${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c")
        ramp_test("fuzz_replay/${name}" $<TARGET_FILE:fuzz_replay_${name}> "${folder}/corpus")
    endif()
endforeach()

# --- benchmarks ----------------------------------------------------------------------------------
file(GLOB benches CONFIGURE_DEPENDS
    "${CMAKE_SOURCE_DIR}/bench/micro/*.c" "${CMAKE_SOURCE_DIR}/bench/epoll/*.c")
add_custom_target(bench)
foreach(bench ${benches})
    ramp_beyond_library("${bench}" is_beyond)
    if(is_beyond)
        continue()
    endif()
    get_filename_component(name "${bench}" NAME_WE)
    ramp_test_program(bench_${name} all "${bench}")
    set_target_properties(bench_${name} PROPERTIES
        EXCLUDE_FROM_ALL ON RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bench")
    add_dependencies(bench bench_${name})
endforeach()

# --- the tree itself, the libraries' symbols, an embedder -----------------------------------------
add_test(NAME tidy COMMAND Python3::Interpreter "${CMAKE_SOURCE_DIR}/tools/tidy.py")
add_test(NAME tidy_itself COMMAND Python3::Interpreter "${CMAKE_SOURCE_DIR}/tests/tidy_test.py")
set_tests_properties(tidy tidy_itself PROPERTIES TIMEOUT 60)

set(symbol_files $<TARGET_FILE:ramp_shared>)
if(TARGET ramp_static)
    list(APPEND symbol_files "${libramp_a}")
endif()
add_test(NAME symbols COMMAND "${CMAKE_SOURCE_DIR}/tests/symbols.sh" ${symbol_files})
set_tests_properties(symbols PROPERTIES TIMEOUT 60)

if(NOT RAMP_SANITIZE AND NOT RAMP_LIBRARY_ONLY)
    add_test(NAME library_only COMMAND "${CMAKE_SOURCE_DIR}/tests/library_only.sh"
        "${CMAKE_SOURCE_DIR}" "${CMAKE_BINARY_DIR}" "${engine_dir}")
    set_tests_properties(library_only PROPERTIES TIMEOUT 300 ENVIRONMENT "CC=${CMAKE_C_COMPILER}")
endif()

# The embed example builds and runs against an installed prefix, as an embedder would do it.
set(prefix "${CMAKE_BINARY_DIR}/prefix")
file(GLOB embed_sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/examples/embed/*.c")
if(embed_sources AND NOT RAMP_FUZZ)
    add_test(NAME install COMMAND ${CMAKE_COMMAND}
        --install "${CMAKE_BINARY_DIR}" --prefix "${prefix}")
    set_tests_properties(install PROPERTIES FIXTURES_SETUP prefix TIMEOUT 60)
    ramp_test(embed "${CMAKE_SOURCE_DIR}/tests/embed.sh" "${prefix}" "${CMAKE_SOURCE_DIR}"
        "${CMAKE_BINARY_DIR}")
    set_tests_properties(embed PROPERTIES FIXTURES_REQUIRED prefix
        ENVIRONMENT "${test_environment};CC=${CMAKE_C_COMPILER};RAMP_SANITIZE=${RAMP_SANITIZE}")
endif()
