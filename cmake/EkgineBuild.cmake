# What base/provenance.cpp says of a build: its version, and the commit that it was built from.
#
#   include(EkgineBuild)
#   ekgine_build(TARGET SOURCE)   lets SOURCE of TARGET include "ekgine_build.h"
#
# The header is looked after in every build, and written where it would be another. The same file is
# the script that does so.
if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.22)
  # Not of a repository around the sources.
  set(commit "")
  if(EXISTS ${SOURCE_DIR}/.git)
    execute_process(COMMAND git -C ${SOURCE_DIR} rev-parse --short=12 HEAD
      OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(commit)
      execute_process(COMMAND git -C ${SOURCE_DIR} diff --quiet HEAD
        RESULT_VARIABLE changed OUTPUT_QUIET ERROR_QUIET)
      if(changed)
        string(APPEND commit "+")
      endif()
    endif()
  endif()
  file(CONFIGURE OUTPUT ${HEADER} @ONLY CONTENT
    "#define EKGINE_BUILD_VERSION \"@VERSION@\"\n#define EKGINE_BUILD_COMMIT \"@commit@\"\n")
  return()
endif()

set(EKGINE_BUILD_SCRIPT ${CMAKE_CURRENT_LIST_FILE})

function(ekgine_build target source)
  get_filename_component(root ${EKGINE_BUILD_SCRIPT}/../.. ABSOLUTE)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/generated)
  add_custom_target(${target}_build COMMENT ""
    BYPRODUCTS ${folder}/ekgine_build.h
    COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${root} -DVERSION=${PROJECT_VERSION}
      -DHEADER=${folder}/ekgine_build.h -P ${EKGINE_BUILD_SCRIPT})
  add_dependencies(${target} ${target}_build)
  set_source_files_properties(${source} PROPERTIES INCLUDE_DIRECTORIES ${folder})
endfunction()
