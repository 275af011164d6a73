# SPDX-License-Identifier: Apache-2.0
# The `ramp` binary = src/wire + src/io + src/drivers + src/server + src/cli over libramp's public
# interface, with the console embedded. tools/tidy.py checks that they include nothing of core and
# engine.
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS Crypto)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv>=1.44)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.14)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)
include(console)

set(server_libs PkgConfig::LIBUV PkgConfig::JANSSON PkgConfig::SQLITE OpenSSL::Crypto Threads::Threads)
ramp_folder(wire)
ramp_folder(io ${server_libs})
ramp_folder(drivers ${server_libs})
ramp_folder(server ${server_libs})
ramp_folder(cli ${server_libs})
target_sources(ramp_server PRIVATE "${RAMP_CONSOLE_C}" "${RAMP_CONSOLE_S}")

add_library(ramp_all INTERFACE)
target_link_libraries(ramp_all INTERFACE ramp_cli_a ramp_server_a ramp_drivers_a ramp_io_a
    ramp_wire_a ramp_core_a ramp_engine_a ramp_base_a)

# Not a PIE: one in the middle of the address space halves it for pools of 4 GiB slots
# (notes: 21,750 slots instead of 32,300).
target_link_options(ramp_link INTERFACE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-no-pie>)

file(GLOB ramp_main CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/src/cli/main.c")
if(ramp_main)
    add_executable(ramp ${ramp_main})
    target_include_directories(ramp PRIVATE "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
    target_compile_definitions(ramp PRIVATE RAMP_VERSION="${PROJECT_VERSION}")
    target_link_libraries(ramp PRIVATE ramp_flags ramp_all)
endif()
