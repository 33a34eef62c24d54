# Install rules. A prefix holds
#   bin/tokamak                     the program
#   lib/tokamak/plugins/*.so        its plugins, found from the program's own place, so a prefix can be moved
#   lib/libtokamak_client.a         the C++ client
#   lib/cmake/tokamak               find_package(tokamak): tokamak::plugin_sdk, tokamak::client
#   include/tokamak                 headers of both
#   share/tokamak                   topologies, the plugin author's manual, the export map for plugins
#   share/doc/tokamak               the licence
include(CMakePackageConfigHelpers)

install(TARGETS tokamak RUNTIME DESTINATION bin)
get_property(tokamak_installed_plugins GLOBAL PROPERTY TOKAMAK_PRODUCT_PLUGINS)
install(TARGETS ${tokamak_installed_plugins} LIBRARY DESTINATION lib/tokamak/plugins)

set_target_properties(tokamak_plugin_sdk PROPERTIES EXPORT_NAME plugin_sdk)
install(TARGETS tokamak_plugin_sdk tokamak_client EXPORT tokamak_targets ARCHIVE DESTINATION lib)
install(DIRECTORY sdk/plugin/tokamak DESTINATION include FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(DIRECTORY sdk/client/cpp/include/tokamak DESTINATION include FILES_MATCHING PATTERN "*.hpp")

install(EXPORT tokamak_targets NAMESPACE tokamak:: FILE tokamak-targets.cmake DESTINATION lib/cmake/tokamak)
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/tokamak-config.cmake @ONLY CONTENT [[
include(CMakeFindDependencyMacro)
find_dependency(Threads)
include("${CMAKE_CURRENT_LIST_DIR}/tokamak-targets.cmake")
]])
# Before 1.0 a new minor version may break what was built against the last one.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tokamak-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tokamak-config.cmake ${PROJECT_BINARY_DIR}/tokamak-config-version.cmake
        DESTINATION lib/cmake/tokamak)

install(DIRECTORY deploy/topologies DESTINATION share/tokamak)
install(FILES sdk/plugin/plugin.map DESTINATION share/tokamak)
install(FILES sdk/plugin/README.md DESTINATION share/tokamak RENAME plugin-manual.md OPTIONAL)
install(FILES LICENSE DESTINATION share/doc/tokamak)
