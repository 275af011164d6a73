# SPDX-License-Identifier: Apache-2.0
# The Wasm engine: ramp_wasmtime, an imported static library. Built by tools/engine while CMake
# configures (once for all presets), or named by RAMP_ENGINE_DIR.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    "${CMAKE_SOURCE_DIR}/wasmtime/Cargo.lock" "${CMAKE_SOURCE_DIR}/wasmtime/Cargo.toml")

set(engine_dir "${RAMP_ENGINE_DIR}")
if(NOT engine_dir)
    set(engine_args)
    if(RAMP_LTO)
        set(engine_args --lto)
    endif()
    execute_process(COMMAND "${CMAKE_SOURCE_DIR}/tools/engine" ${engine_args}
        RESULT_VARIABLE failed)
    if(failed)
        message(FATAL_ERROR "tools/engine could not build the Wasm engine (see above)")
    endif()
    execute_process(COMMAND "${CMAKE_SOURCE_DIR}/tools/engine" ${engine_args} --dir
        OUTPUT_VARIABLE engine_dir OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()

foreach(file lib/libramp_engine.a include/wasmtime.h include/wasmtime/conf.h)
    if(NOT EXISTS "${engine_dir}/${file}")
        message(FATAL_ERROR "no ${file} in the engine folder ${engine_dir}")
    endif()
endforeach()

find_package(Threads REQUIRED)
add_library(ramp_wasmtime STATIC IMPORTED GLOBAL)
set_target_properties(ramp_wasmtime PROPERTIES
    IMPORTED_LOCATION "${engine_dir}/lib/libramp_engine.a"
    INTERFACE_INCLUDE_DIRECTORIES "${engine_dir}/include")
target_link_libraries(ramp_wasmtime INTERFACE Threads::Threads m ${CMAKE_DL_LIBS} gcc_s)
message(STATUS "Wasm engine: ${engine_dir}")
