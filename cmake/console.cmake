# SPDX-License-Identifier: Apache-2.0
# The console's files as bytes in the binary: tools/embed.py writes a table (src/server/
# console_files.h) and an assembler file with one .incbin per file; both depend on every file.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
file(GLOB_RECURSE console_files CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/console/*")
list(FILTER console_files EXCLUDE REGEX "/(\\.[^/]*|README\\.md|[^/]*\\.test\\.mjs)$")
set(RAMP_CONSOLE_C "${CMAKE_BINARY_DIR}/console_files.c")
set(RAMP_CONSOLE_S "${CMAKE_BINARY_DIR}/console_bytes.S")
enable_language(ASM)
add_custom_command(OUTPUT "${RAMP_CONSOLE_C}" "${RAMP_CONSOLE_S}"
    COMMAND Python3::Interpreter "${CMAKE_SOURCE_DIR}/tools/embed.py"
        "${CMAKE_SOURCE_DIR}/console" "${RAMP_CONSOLE_C}" "${RAMP_CONSOLE_S}" ${console_files}
    DEPENDS ${console_files} "${CMAKE_SOURCE_DIR}/tools/embed.py"
    VERBATIM COMMENT "Embedding the console")
