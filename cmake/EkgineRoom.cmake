# ekgine_room(NAME [ROOMS room...] [LIBRARIES lib...] [PRIVATE_LIBRARIES lib...])
#
# One folder of the project as one static library `ekgine_NAME`, made of every .cpp in it. ROOMS are
# the rooms its files may include; linking only those makes a wrong-way import fail at link time.
function(ekgine_room name)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cpp)
  if(NOT sources)
    add_library(ekgine_${name} INTERFACE)
    return()
  endif()
  list(TRANSFORM ROOM_ROOMS PREPEND ekgine_)
  add_library(ekgine_${name} STATIC ${sources})
  target_link_libraries(ekgine_${name}
    PUBLIC ekgine_options ${ROOM_ROOMS} ${ROOM_LIBRARIES}
    PRIVATE ${ROOM_PRIVATE_LIBRARIES})
endfunction()
