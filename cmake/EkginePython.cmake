# The Python module (docs/python.md), of builds with EKGINE_PYTHON: the extension ekgine._ekgine, made
# of the rooms' libraries and of python/, with the package around it. pyproject.toml has pip build and
# install it, as the component `python`; in the build folder it is imported from python/.
find_package(Python 3.10 QUIET COMPONENTS Interpreter Development.Module)
if(NOT Python_FOUND)
  ekgine_need("Python 3.10 or later with its headers is missing" python3-dev python)
endif()
execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir
  OUTPUT_VARIABLE nanobind_ROOT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
find_package(nanobind QUIET CONFIG)
if(NOT nanobind_FOUND OR nanobind_VERSION VERSION_LESS 3.1)
  message(FATAL_ERROR " ekgine: nanobind 3.1 or later is missing: ${Python_EXECUTABLE} -m pip install "
    "nanobind (pip install . brings its own)")
endif()

set(package ${CMAKE_BINARY_DIR}/python/ekgine)
file(MAKE_DIRECTORY ${package})
foreach(file __init__.py py.typed)
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/python/ekgine/${file} ${package}/${file} SYMBOLIC)
endforeach()

file(GLOB python_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/*.cpp)
# As fast as the rooms, not small: inline functions of both are one.
nanobind_add_module(ekgine_python NB_STATIC NOMINSIZE NB_SUPPRESS_WARNINGS ${python_sources})
ekgine_include_root(ekgine_python PRIVATE python)
ekgine_unity(ekgine_python)
target_link_libraries(ekgine_python PRIVATE ekgine_classification ekgine_training ekgine_model ekgine_data
  ekgine_evaluation ekgine_engine ekgine_kernels ekgine_base)
# Its names are no other module's, nor theirs its.
set(exports ${CMAKE_SOURCE_DIR}/python/module.map)
target_link_options(ekgine_python PRIVATE -Wl,--version-script=${exports})
set_target_properties(ekgine_python PROPERTIES OUTPUT_NAME _ekgine LIBRARY_OUTPUT_DIRECTORY ${package}
  LINK_DEPENDS ${exports} INSTALL_RPATH_USE_LINK_PATH ON)
nanobind_add_stub(ekgine_python_stub MODULE _ekgine OUTPUT ${package}/_ekgine.pyi PYTHON_PATH ${package}
  DEPENDS ekgine_python)

install(TARGETS ekgine_python LIBRARY DESTINATION ekgine COMPONENT python EXCLUDE_FROM_ALL)
install(FILES ${package}/_ekgine.pyi DESTINATION ekgine COMPONENT python EXCLUDE_FROM_ALL)
