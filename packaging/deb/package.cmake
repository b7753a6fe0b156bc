# The target `package` (preset deb): packages of Debian and Ubuntu for the system that they are made
# on, ekgine and, where the engine is installed as a library, libekgine-dev. Needs dpkg-dev and file.
# DEBFULLNAME and DEBEMAIL in the environment name the maintainer, as for Debian's own tools.
set(CPACK_GENERATOR DEB)
set(CPACK_SOURCE_GENERATOR "")
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL ${EKGINE_INSTALL_COMPONENTS})
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_DEBIAN_PACKAGE_SOURCE ekgine)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")  # each package's is the first line of its description

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME ekgine)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
# Plots; downloads.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "gnuplot-nox | gnuplot, ca-certificates")
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "trains neural networks that classify heartbeats in ECG recordings
From WFDB recordings of an ECG to a trained and evaluated CNN-Conformer: beats
are cut and transformed, models trained, searched, cross-validated and
evaluated, and reports and plots written. Training goes on after an
interruption, to the same result.

Five sample records of the MIT-BIH Arrhythmia Database are included.")

# What ekgineConfig.cmake and ekgine.pc look for.
set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libekgine-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS "libdnnl-dev, ocl-icd-opencl-dev, libhdf5-dev, libzip-dev, \
libssl-dev, libcurl4-openssl-dev, libfmt-dev, pkg-config")
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "tensors, gradients and kernels of ekgine (development files)
The engine that ekgine trains its networks with, as static libraries with
headers, for CMake and pkg-config: tensors, a tape of gradients, operations
and their kernels for the CPU, without models and data.")

set(name "$ENV{DEBFULLNAME}")
set(address "$ENV{DEBEMAIL}")
if(name STREQUAL "")
  set(name "the ekgine authors")
endif()
if(address STREQUAL "")
  set(address ekgine@example.org)
endif()
set(CPACK_PACKAGE_CONTACT "${name} <${address}>")

# Of what is configured, the following two know the variables that begin with CPACK_ alone.
set(CPACK_EKGINE_NATIVE ${EKGINE_NATIVE})
set(CPACK_EKGINE_SOURCE ${CMAKE_SOURCE_DIR})
set(CPACK_PROJECT_CONFIG_FILE ${CMAKE_CURRENT_LIST_DIR}/refuse.cmake)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/policy.cmake)
include(CPack)
