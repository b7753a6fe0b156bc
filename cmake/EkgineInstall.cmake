# cmake --install: the program with its data, its manual and completion, and, of builds for the CPU,
# the engine as a library (base, kernels, engine) for find_package(ekgine) and pkg-config. `uninstall`
# is the target that removes what was installed, and the folders that are empty then. Two components,
# program and library, are packages of their own (packaging/deb).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(EKGINE_INSTALL_HEADERS ${CMAKE_INSTALL_INCLUDEDIR}/ekgine)
set(EKGINE_INSTALL_PACKAGE ${CMAKE_INSTALL_LIBDIR}/cmake/ekgine)
set(EKGINE_INSTALL_DATA ${CMAKE_INSTALL_DATADIR}/ekgine)

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME program)
set(EKGINE_INSTALL_COMPONENTS program)
# Libraries that lie where the system does not look (conda, /opt) are found there.
set_target_properties(ekgine PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
install(TARGETS ekgine RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES ${CMAKE_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/data/splits ${CMAKE_SOURCE_DIR}/data/samples
  ${CMAKE_SOURCE_DIR}/data/weights
  ${CMAKE_SOURCE_DIR}/apps/configs DESTINATION ${EKGINE_INSTALL_DATA})

# The build tree's program looks beside itself.
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/share/ekgine)
file(CREATE_LINK ${CMAKE_SOURCE_DIR}/data/weights ${CMAKE_BINARY_DIR}/share/ekgine/weights SYMBOLIC)

add_custom_command(TARGET ekgine POST_BUILD COMMAND ${CMAKE_COMMAND} -E make_directory install
  COMMAND ekgine --manual >install/ekgine.1 COMMAND ekgine --completion >install/ekgine)
install(FILES ${CMAKE_BINARY_DIR}/install/ekgine.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/install/ekgine
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)

configure_file(${CMAKE_SOURCE_DIR}/cmake/uninstall.cmake.in
  ${CMAKE_BINARY_DIR}/install/uninstall.cmake @ONLY)
add_custom_target(uninstall COMMENT ""
  COMMAND ${CMAKE_COMMAND} -P ${CMAKE_BINARY_DIR}/install/uninstall.cmake)

if(EKGINE_CUDA)  # its library would need nvcc's device code linked by whoever uses it
  return()
endif()
# A library that this build has fetched is not there for those who link the engine.
get_target_property(imported fmt::fmt IMPORTED)
if(NOT imported)
  message(STATUS "The engine is not installed as a library: fmt was fetched, not found")
  return()
endif()

set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME library)
list(APPEND EKGINE_INSTALL_COMPONENTS library)
set(rooms base kernels engine)
install(TARGETS ekgine_options ekgine_base ekgine_kernels ekgine_engine EXPORT ekgine
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${EKGINE_INSTALL_HEADERS})
foreach(room ${rooms})
  set_target_properties(ekgine_${room} PROPERTIES EXPORT_NAME ${room})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/${room}/*.h)
  # What only the rooms' own files include: a back end that this library has not, other libraries.
  list(FILTER headers EXCLUDE REGEX "/(cuda[^/]*|hdf5_library|onednn)\\.h$")
  foreach(header ${headers})
    cmake_path(GET header PARENT_PATH folder)
    install(FILES ${CMAKE_SOURCE_DIR}/${header} DESTINATION ${EKGINE_INSTALL_HEADERS}/${folder})
  endforeach()
endforeach()
set_target_properties(ekgine_options PROPERTIES EXPORT_NAME options)
install(EXPORT ekgine NAMESPACE ekgine:: FILE ekgineTargets.cmake DESTINATION ${EKGINE_INSTALL_PACKAGE})

configure_package_config_file(${CMAKE_SOURCE_DIR}/cmake/ekgineConfig.cmake.in
  ${CMAKE_BINARY_DIR}/install/ekgineConfig.cmake INSTALL_DESTINATION ${EKGINE_INSTALL_PACKAGE})
# Before 1.0 every minor version may change what it likes.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/install/ekgineConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/install/ekgineConfig.cmake
  ${CMAKE_BINARY_DIR}/install/ekgineConfigVersion.cmake DESTINATION ${EKGINE_INSTALL_PACKAGE})

# Libraries that come without a pkg-config file everywhere are named by their files.
list(REMOVE_DUPLICATES HDF5_C_HL_LIBRARIES)
list(REMOVE_DUPLICATES HDF5_C_LIBRARIES)
list(JOIN HDF5_C_HL_LIBRARIES " " EKGINE_HDF5_HL)
list(JOIN HDF5_C_LIBRARIES " " EKGINE_HDF5)
get_target_property(EKGINE_DNNL DNNL::dnnl IMPORTED_LOCATION_${CMAKE_BUILD_TYPE})
foreach(configuration RELEASE NONE RELWITHDEBINFO NOCONFIG)
  if(NOT EKGINE_DNNL)
    get_target_property(EKGINE_DNNL DNNL::dnnl IMPORTED_LOCATION_${configuration})
  endif()
endforeach()
# As of the program (INSTALL_RPATH_USE_LINK_PATH).
set(EKGINE_PC_FOLDERS "")
set(libraries ${HDF5_C_HL_LIBRARIES} ${HDF5_C_LIBRARIES} ${EKGINE_DNNL})
list(FILTER libraries INCLUDE REGEX "^/")
foreach(library ${libraries})
  file(REAL_PATH ${library} library)
  cmake_path(GET library PARENT_PATH folder)
  if(NOT folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
    list(APPEND EKGINE_PC_FOLDERS -Wl,-rpath,${folder})
  endif()
endforeach()
list(REMOVE_DUPLICATES EKGINE_PC_FOLDERS)
list(JOIN EKGINE_PC_FOLDERS " " EKGINE_PC_FOLDERS)
cmake_path(SET EKGINE_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH EKGINE_PC_PREFIX ${EKGINE_PC_PREFIX} /)
string(REGEX REPLACE "/$" "" EKGINE_PC_PREFIX "${EKGINE_PC_PREFIX}")
set(EKGINE_PC_MACHINE "")
if(EKGINE_NATIVE)
  set(EKGINE_PC_MACHINE -march=native)
endif()
configure_file(${CMAKE_SOURCE_DIR}/cmake/ekgine.pc.in ${CMAKE_BINARY_DIR}/install/ekgine.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/install/ekgine.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
