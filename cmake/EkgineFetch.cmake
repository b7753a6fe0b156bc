# Small libraries that a system may lack (Ubuntu 22.04 has no toml++) are fetched as sources, of one
# version each, and built with the rest.
#
#   ekgine_fetch(NAME)   makes the targets of that package, and sets NAME_FOUND and NAME_VERSION.
#                        Does nothing for a package that is not in the list below.
#
# Without a network: -DFETCHCONTENT_SOURCE_DIR_NAME=FOLDER (in capitals) takes sources that lie there.
option(EKGINE_FETCH "Fetch small libraries that the system lacks" ON)

include(FetchContent)

set(EKGINE_FETCHED fmt nlohmann_json CLI11 tomlplusplus GTest benchmark)
set(EKGINE_FETCH_fmt 10.2.1
  https://github.com/fmtlib/fmt/archive/refs/tags/10.2.1.tar.gz
  1250e4cc58bf06ee631567523f48848dc4596133e163f02615c97f78bab6c811 fmt)
set(EKGINE_FETCH_nlohmann_json 3.11.3
  https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
  d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d nlohmann_json)
set(EKGINE_FETCH_CLI11 2.4.2
  https://github.com/CLIUtils/CLI11/archive/v2.4.2.tar.gz
  f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a CLI11)
set(EKGINE_FETCH_tomlplusplus 3.4.0
  https://github.com/marzer/tomlplusplus/archive/v3.4.0.tar.gz
  8517f65938a4faae9ccf8ebb36631a38c1cadfb5efa85d9a72e15b9e97d25155 tomlplusplus_tomlplusplus)
set(EKGINE_FETCH_GTest 1.14.0
  https://github.com/google/googletest/archive/refs/tags/v1.14.0.tar.gz
  8ad598c73ad796e0d8280b082cebd82a630d73e73cd3c70057938a6501bba5d7 gtest gtest_main gmock)
set(EKGINE_FETCH_benchmark 1.8.3
  https://github.com/google/benchmark/archive/refs/tags/v1.8.3.tar.gz
  6bc180a57d23d4d9515519f92b0c83d61b05b5bab188961f36ac7b06b0d9e9ce benchmark)

macro(ekgine_fetch name)
  string(TOUPPER ${name} ekgine_upper)
  if(${name} IN_LIST EKGINE_FETCHED AND (EKGINE_FETCH OR FETCHCONTENT_SOURCE_DIR_${ekgine_upper}))
    # Only the libraries.
    set(JSON_BuildTests OFF CACHE INTERNAL "")
    set(INSTALL_GTEST OFF CACHE INTERNAL "")
    set(BENCHMARK_ENABLE_TESTING OFF CACHE INTERNAL "")
    set(BENCHMARK_ENABLE_INSTALL OFF CACHE INTERNAL "")
    set(ekgine_targets ${EKGINE_FETCH_${name}})
    list(POP_FRONT ekgine_targets ${name}_VERSION ekgine_url ekgine_hash)
    if(FETCHCONTENT_SOURCE_DIR_${ekgine_upper})
      FetchContent_Declare(${name})
    else()
      ekgine_download(${name} ${ekgine_url} ${ekgine_hash})
      FetchContent_Declare(${name} URL ${CMAKE_BINARY_DIR}/fetched/${name} URL_HASH SHA256=${ekgine_hash})
    endif()
    FetchContent_MakeAvailable(${name})
    foreach(ekgine_target ${ekgine_targets})
      # Its warnings are not ours.
      get_target_property(ekgine_folders ${ekgine_target} INTERFACE_INCLUDE_DIRECTORIES)
      set_target_properties(${ekgine_target} PROPERTIES
        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${ekgine_folders}")
    endforeach()
    set(${name}_FOUND TRUE)
  endif()
endmacro()

# Lays the archive at fetched/NAME of the build folder, or ends in a line.
function(ekgine_download name url hash)
  set(archive ${CMAKE_BINARY_DIR}/fetched/${name})
  if(EXISTS ${archive})
    file(SHA256 ${archive} found)
    if(found STREQUAL hash)
      return()
    endif()
  endif()
  message(STATUS "Fetching ${name}: ${url}")
  file(DOWNLOAD ${url} ${archive} STATUS status INACTIVITY_TIMEOUT 30)
  list(POP_FRONT status code reason)
  if(code EQUAL 0)
    file(SHA256 ${archive} found)
    if(NOT found STREQUAL hash)
      set(code 1)
      set(reason "another file than expected")
    endif()
  endif()
  if(NOT code EQUAL 0)
    file(REMOVE ${archive})
    string(TOUPPER ${name} upper)
    message(FATAL_ERROR " ekgine: ${name} is missing and cannot be fetched from ${url} (${reason}): "
      "install it, or name a folder with its sources by -DFETCHCONTENT_SOURCE_DIR_${upper}=FOLDER")
  endif()
endfunction()
