# ekgine_room(NAME [ROOMS room...] [LIBRARIES lib...] [PRIVATE_LIBRARIES lib...])
#
# One folder of the project as one static library `ekgine_NAME`, made of every .cpp in it and, in a
# build with CUDA, of every .cu and cuda*.cpp. ROOMS are the rooms its files may include; linking
# only those makes a wrong-way import fail at link time.
function(ekgine_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cpp)
  file(GLOB_RECURSE cuda_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cu
    ${CMAKE_SOURCE_DIR}/${name}/cuda*.cpp)
  if(EKGINE_CUDA)
    list(APPEND sources ${cuda_sources})
  elseif(cuda_sources)
    list(REMOVE_ITEM sources ${cuda_sources})
  endif()
  if(NOT sources)
    add_library(ekgine_${name} INTERFACE)
    return()
  endif()
  list(TRANSFORM ROOM_ROOMS PREPEND ekgine_)
  add_library(ekgine_${name} STATIC ${sources})
  target_link_libraries(ekgine_${name}
    PUBLIC ekgine_options ${ROOM_ROOMS} ${ROOM_LIBRARIES}
    PRIVATE ${ROOM_PRIVATE_LIBRARIES})
  if(EKGINE_CUDA AND cuda_sources)
    ekgine_cuda(ekgine_${name})
  endif()
endfunction()
