# ekgine_include_root(TARGET SCOPE FOLDER)
#
# Lets a target include the files of a folder of the project, as "FOLDER/...", where FOLDER may lie in
# another: in the build tree each folder has a root of its own, with a link to it and nothing else.
# The source tree itself is on no target's path, so a file finds the folders that its target was
# given, and no others.
function(ekgine_include_root target scope folder)
  string(REPLACE "/" "-" name ${folder})
  set(root ${CMAKE_BINARY_DIR}/rooms/${name})
  cmake_path(GET folder PARENT_PATH parent)
  file(MAKE_DIRECTORY ${root}/${parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/${folder} ${root}/${folder} SYMBOLIC)
  target_include_directories(${target} ${scope} $<BUILD_INTERFACE:${root}>)
endfunction()

# ekgine_unity(TARGET)
#
# Compiles the files of a target together, up to 32 at a time and about as many each time, where
# EKGINE_UNITY says so: what they include is most of their text. They must not use one name for two
# things in their anonymous namespaces, nor begin with a `using` that the next one could meet.
function(ekgine_unity target)
  get_target_property(files ${target} SOURCES)
  list(LENGTH files count)
  math(EXPR batches "(${count} + 31) / 32")
  math(EXPR size "(${count} + ${batches} - 1) / ${batches}")
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${EKGINE_UNITY} UNITY_BUILD_BATCH_SIZE ${size})
endfunction()

# ekgine_lightly_optimised(TARGET)
#
# For targets that only tell others what to do, or read and write files: nothing that takes time runs
# there, and -O1 spares a third of the time that they take to compile.
function(ekgine_lightly_optimised target)
  target_compile_options(${target} PRIVATE
    "$<$<AND:$<CONFIG:Release>,$<COMPILE_LANGUAGE:CXX>>:-O1>")
endfunction()

# ekgine_room(NAME [ROOMS room...] [LIBRARIES lib...] [PRIVATE_LIBRARIES lib...])
#
# One folder of the project as one static library `ekgine_NAME`, made of every .cpp in it and, in a
# build with CUDA, of every .cu and cuda*.cpp. ROOMS are the rooms that its files, headers too, may
# include, all of them: an include of any other does not compile (tests/rooms).
function(ekgine_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  list(JOIN ROOM_ROOMS "," rooms)
  set_property(GLOBAL APPEND PROPERTY EKGINE_ROOMS "${name}=${rooms}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cpp)
  file(GLOB_RECURSE cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cu
    ${CMAKE_SOURCE_DIR}/${name}/cuda*.cpp)
  if(EKGINE_CUDA)
    list(APPEND sources ${cuda_sources})
  elseif(cuda_sources)
    list(REMOVE_ITEM sources ${cuda_sources})
  endif()
  if(name STREQUAL "kernels" AND COMMAND ekgine_instruction_sets)
    set(many_sets ${sources})
    list(FILTER many_sets INCLUDE REGEX "/kernels/[^/]*\\.cpp$")
    list(REMOVE_ITEM sources ${many_sets})
  endif()
  list(TRANSFORM ROOM_ROOMS PREPEND ekgine_)
  add_library(ekgine_${name} STATIC ${sources})
  ekgine_include_root(ekgine_${name} PUBLIC ${name})
  target_link_libraries(ekgine_${name}
    PUBLIC ekgine_options ${ROOM_ROOMS} ${ROOM_LIBRARIES}
    PRIVATE ${ROOM_PRIVATE_LIBRARIES})
  # Kernels are mostly text of their own, and what the compiler makes of one must not hang on others.
  if(NOT name STREQUAL "kernels")
    ekgine_unity(ekgine_${name})
  endif()
  if(many_sets)
    ekgine_instruction_sets(ekgine_${name} ${many_sets})
  endif()
  if(EKGINE_CUDA AND cuda_sources)
    ekgine_cuda(ekgine_${name})
  endif()
endfunction()
