# SPDX-License-Identifier: Apache-2.0
# What `cmake --install` (make install) puts under the prefix.
install(FILES include/ramp/ramp.h include/ramp/driver.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/ramp")
install(TARGETS ramp_shared LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
if(TARGET ramp_static)
    install(FILES "${libramp_a}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
endif()

# ramp.pc stays right when the prefix is chosen at install time: it computes its own.
file(RELATIVE_PATH RAMP_PC_TO_PREFIX "/p/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/p")
configure_file(cmake/ramp.pc.in "${CMAKE_BINARY_DIR}/ramp.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/ramp.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

if(NOT RAMP_LIBRARY_ONLY)
    if(TARGET ramp)
        install(TARGETS ramp RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
    endif()
    # The Node that tools/setup has brought, where the system's is too old; `ramp build` finds it there.
    set(own_node "${CMAKE_SOURCE_DIR}/build/node/bin/node")
    if(EXISTS "${own_node}")
        file(REAL_PATH "${own_node}" own_node)
        install(PROGRAMS "${own_node}" DESTINATION lib/ramp RENAME node)
    endif()
    # The SDK with its compiler (node_modules, when tools/setup has brought it) and the templates.
    foreach(pair "guest/assemblyscript:sdk" "guest/c:guest-c" "examples:examples" "bench/rooms:bench/rooms")
        string(REPLACE ":" ";" pair "${pair}")
        list(GET pair 0 from)
        list(GET pair 1 to)
        if(EXISTS "${CMAKE_SOURCE_DIR}/${from}")
            install(DIRECTORY "${from}/" DESTINATION "${CMAKE_INSTALL_DATADIR}/ramp/${to}"
                USE_SOURCE_PERMISSIONS PATTERN ".npmrc" EXCLUDE
                PATTERN "*.tgz" EXCLUDE PATTERN "*.wasm" EXCLUDE)
        endif()
    endforeach()
endif()
