# The libraries that all of ekgine stands on but the kernels, the fuzzers (tests/fuzz) too, and the
# compilers that it can be built with. What is missing or too old is said in one line (EkgineNeeds).
#
#   ekgine_package(NAME VERSION SAYS WHAT APT CONDA [find_package's arguments...])
#
# finds a package, at least of that VERSION, if that is no "". WHAT names it to the user.
include(EkgineNeeds)
include(EkgineFetch)

if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  message(FATAL_ERROR " ekgine: runs on Linux on x86-64 processors, not on ${CMAKE_SYSTEM_NAME} on ${CMAKE_SYSTEM_PROCESSOR}")
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 11)
  ekgine_need("g++ ${CMAKE_CXX_COMPILER_VERSION} is too old, expected 11 or later" g++-11 cxx-compiler)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "Clang" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 16)
  ekgine_need("clang ${CMAKE_CXX_COMPILER_VERSION} is too old, expected 16 or later" clang-16 cxx-compiler)
endif()

macro(ekgine_package name version what apt conda)
  find_package(${name} QUIET ${ARGN})
  if(NOT ${name}_FOUND)
    ekgine_fetch(${name})
  endif()
  string(TOUPPER ${name} ekgine_upper)
  if(NOT ${name}_VERSION)  # CMake's own modules for OpenSSL and curl
    set(${name}_VERSION ${${ekgine_upper}_VERSION}${${ekgine_upper}_VERSION_STRING})
  endif()
  if(NOT ${name}_FOUND)
    ekgine_need("${what} is missing" "${apt}" ${conda})
  elseif(NOT "${version}" STREQUAL "" AND ${name}_VERSION VERSION_LESS "${version}")
    ekgine_need("${what} ${${name}_VERSION} is too old, expected ${version} or later" "${apt}" ${conda})
  endif()
endmacro()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  string(REGEX MATCH "^[0-9]+" clang ${CMAKE_CXX_COMPILER_VERSION})
  ekgine_package(OpenMP "" "OpenMP for clang" libomp-${clang}-dev llvm-openmp COMPONENTS CXX)
else()
  ekgine_package(OpenMP "" "OpenMP" g++ cxx-compiler COMPONENTS CXX)
endif()
ekgine_package(HDF5 1.10.7 "HDF5 with its high-level library" libhdf5-dev hdf5 COMPONENTS C HL)
ekgine_package(PkgConfig "" "pkg-config" pkg-config pkg-config)
# Debian's CMake package of libzip asks for programs that libzip-dev does not install.
pkg_check_modules(libzip QUIET IMPORTED_TARGET libzip)
if(NOT libzip_FOUND)
  ekgine_need("libzip is missing" libzip-dev libzip)
endif()
# Its CMake package asks for that of Ogg, which no recording needs.
pkg_check_modules(flac QUIET IMPORTED_TARGET flac)
if(NOT flac_FOUND)
  ekgine_need("libFLAC is missing" libflac-dev libflac)
endif()
ekgine_package(CURL 7.81 "libcurl" libcurl4-openssl-dev libcurl)
ekgine_package(OpenSSL 1.1.1 "OpenSSL" libssl-dev openssl COMPONENTS Crypto)
ekgine_package(fmt 8 "fmt" libfmt-dev fmt)
ekgine_package(nlohmann_json 3.10 "nlohmann's JSON" nlohmann-json3-dev nlohmann_json)
ekgine_package(CLI11 2.1 "CLI11" libcli11-dev cli11)
ekgine_package(tomlplusplus 3 "toml++" libtomlplusplus-dev tomlplusplus)
