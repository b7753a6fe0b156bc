# What is said where something that the build needs is missing, or too old: one line, with the
# command that installs it on this system.
#
#   ekgine_need(WHAT APT CONDA)   ends with that line
#
# WHAT says what is missing. APT and CONDA are the packages of Debian and Ubuntu, and of conda-forge;
# an empty APT says that this system has none.
function(ekgine_need what apt conda)
  set(system "")
  if(EXISTS /etc/os-release)
    file(STRINGS /etc/os-release system REGEX "^(ID|ID_LIKE)=.*(debian|ubuntu)")
  endif()
  if(DEFINED ENV{CONDA_PREFIX})
    set(how "conda install -c conda-forge ${conda}")
  elseif(system AND apt)
    set(how "apt-get install ${apt}")
  else()
    set(how "conda-forge has it as ${conda}")
  endif()
  # CMake breaks and indents a text that does not begin with a space.
  message(FATAL_ERROR " ekgine: ${what}: ${how} (scripts/install_packages installs all that is needed)")
endfunction()

# To be included before project(), which says the following in ten lines.
if(CMAKE_GENERATOR STREQUAL "Ninja" AND NOT CMAKE_MAKE_PROGRAM)
  find_program(EKGINE_NINJA NAMES ninja ninja-build samu)
  if(NOT EKGINE_NINJA)
    ekgine_need("Ninja is missing" ninja-build ninja)
  endif()
endif()
if(NOT CMAKE_CXX_COMPILER)
  set(compilers $ENV{CXX} c++ g++ clang++)
  if(NOT "$ENV{CXX}" STREQUAL "")
    list(GET compilers 0 compilers)  # without its arguments
    string(REGEX REPLACE " .*" "" compilers "${compilers}")
  endif()
  find_program(EKGINE_COMPILER NAMES ${compilers})
  if(NOT EKGINE_COMPILER)
    ekgine_need("no C++ compiler (g++ 11 or clang 16, or later)" g++ cxx-compiler)
  endif()
endif()
