# SPDX-License-Identifier: Apache-2.0
# libramp = src/base + src/engine + src/core. Compiled once (ramp_objects), then
#   ramp_shared   libramp.so, exports ramp_* only (cmake/libramp.map)
#   ramp_static   libramp.a, one object with what it needs of the engine; no global symbol but ramp_*
# Only src/engine sees the engine's headers.

# All sources below src/FOLDER become the object library ramp_FOLDER, and from it an archive,
# ramp_FOLDER_a: a program takes what it uses, so that a test of wire/ links no engine.
function(ramp_folder folder)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS
        "${CMAKE_SOURCE_DIR}/src/${folder}/*.c" "${CMAKE_SOURCE_DIR}/src/${folder}/*.S")
    if(NOT sources)
        # A folder without sources yet: an empty translation unit keeps every target linkable.
        set(sources "${CMAKE_BINARY_DIR}/empty_${folder}.c")
        file(CONFIGURE OUTPUT "${sources}" CONTENT "extern int ramp_empty_${folder};\n")
    endif()
    add_library(ramp_${folder} OBJECT ${sources})
    target_include_directories(ramp_${folder} PUBLIC "${CMAKE_SOURCE_DIR}/src" "${CMAKE_SOURCE_DIR}/include")
    target_link_libraries(ramp_${folder} PRIVATE ramp_flags ${ARGN})
    target_compile_definitions(ramp_${folder} PRIVATE RAMP_VERSION="${PROJECT_VERSION}")
    set_target_properties(ramp_${folder} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    add_library(ramp_${folder}_a STATIC $<TARGET_OBJECTS:ramp_${folder}>)
    set_target_properties(ramp_${folder}_a PROPERTIES LINKER_LANGUAGE C)
    target_link_libraries(ramp_${folder}_a INTERFACE ramp_link ${ARGN})
endfunction()

# The engine's headers as system headers: their style is not ours to warn about.
get_target_property(engine_include ramp_wasmtime INTERFACE_INCLUDE_DIRECTORIES)
ramp_folder(base)
ramp_folder(engine)
ramp_folder(core)
target_include_directories(ramp_engine SYSTEM PRIVATE ${engine_include})
target_link_libraries(ramp_engine_a INTERFACE ramp_wasmtime)

set(libramp_objects $<TARGET_OBJECTS:ramp_base> $<TARGET_OBJECTS:ramp_engine> $<TARGET_OBJECTS:ramp_core>)
set(libramp_map "${CMAKE_SOURCE_DIR}/cmake/libramp.map")

add_library(ramp_shared SHARED ${libramp_objects})
target_link_libraries(ramp_shared PRIVATE ramp_link ramp_wasmtime)
target_link_options(ramp_shared PRIVATE -Wl,--version-script=${libramp_map} -Wl,--exclude-libs,ALL)
set_target_properties(ramp_shared PROPERTIES
    LINKER_LANGUAGE C OUTPUT_NAME ramp SOVERSION 0 VERSION ${PROJECT_VERSION}
    LINK_DEPENDS "${libramp_map}")

# The static library by partial link. A sanitizer build has none: its objects need the compiler's own
# final link.
if(NOT RAMP_SANITIZE)
    set(libramp_a "${CMAKE_BINARY_DIR}/libramp.a")
    add_custom_command(OUTPUT "${libramp_a}"
        COMMAND ${CMAKE_COMMAND} -E env "CC=${CMAKE_C_COMPILER}" "NM=${CMAKE_NM}"
            "OBJCOPY=${CMAKE_OBJCOPY}" "AR=${CMAKE_AR}"
            "${CMAKE_SOURCE_DIR}/cmake/partial_link.sh" "${libramp_a}"
            "$<TARGET_FILE:ramp_wasmtime>" "${libramp_objects}"
        DEPENDS ramp_base ramp_engine ramp_core ${libramp_objects}
            "$<TARGET_FILE:ramp_wasmtime>" "${CMAKE_SOURCE_DIR}/cmake/partial_link.sh"
        COMMAND_EXPAND_LISTS VERBATIM COMMENT "Linking libramp.a")
    add_custom_target(ramp_static ALL DEPENDS "${libramp_a}")
endif()
