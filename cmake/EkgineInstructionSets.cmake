# One program for every x86-64 processor: the CPU kernels compiled for each of several instruction sets,
# chosen when the program starts (kernels/runtime/instruction_set.h).
#
#   include(EkgineInstructionSets)
#   ekgine_instruction_sets(TARGET SOURCE...)   the sources, kernels/*.cpp, become part of TARGET so
#
# For each set the sources' objects are linked into one relocatable object, in which everything but
# the kernels is made local: what they inline, from the standard library, too, must not be taken by
# the rest of the program, which runs on any processor. A kernel K becomes K.avx2 there, and so on. K
# itself is a jump by a table, which starts as the baseline's column and is rewritten as a whole
# (ekgine_choose_kernels). Nothing of this shows in the sources.
#
# The same file is the script that makes these objects and the table, from lists of objects.
set(EKGINE_SETS_NAMES baseline avx2 avx512)  # as enum InstructionSet, in its order
set(EKGINE_SETS_baseline x86-64)
set(EKGINE_SETS_avx2 x86-64-v3)
set(EKGINE_SETS_avx512 x86-64-v4)

if(CMAKE_SCRIPT_MODE_FILE)
  cmake_minimum_required(VERSION 3.22)
  function(run)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "failed (${status}): ${ARGN}")
    endif()
  endfunction()

  # The kernels of an object: functions, const ones of classes, too (_ZNK), that it defines in
  # ekgine::kernels, for others to call.
  function(kernels_of object result)
    execute_process(COMMAND ${NM} --defined-only --extern-only ${object}
      OUTPUT_VARIABLE listing RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
      message(FATAL_ERROR "${NM} failed on ${object}")
    endif()
    string(REGEX MATCHALL "[TW] _ZNK?6ekgine7kernels[A-Za-z0-9_]+" found "${listing}")
    list(TRANSFORM found REPLACE "^. " "")
    list(SORT found)
    set(${result} "${found}" PARENT_SCOPE)
  endfunction()

  foreach(name ${EKGINE_SETS_NAMES})
    file(STRINGS ${FOLDER}/${name}.objects objects)
    # Groups of sections would be merged with those of the same name elsewhere, whatever they hold.
    run(${LINKER} -r --force-group-allocation -o ${FOLDER}/${name}.o ${objects})
    kernels_of(${FOLDER}/${name}.o ${name})
  endforeach()
  # Functions that are not in all were inlined in the others: no kernels, and nobody else's concern.
  set(kernels "")
  foreach(kernel ${baseline})
    set(everywhere TRUE)
    foreach(other ${EKGINE_SETS_NAMES})
      if(NOT kernel IN_LIST ${other})
        set(everywhere FALSE)
      endif()
    endforeach()
    if(everywhere)
      list(APPEND kernels ${kernel})
    endif()
  endforeach()
  foreach(name ${EKGINE_SETS_NAMES})
    set(renamed "")
    set(kept "")
    foreach(kernel ${kernels})
      string(APPEND renamed "${kernel} ${kernel}.${name}\n")
      string(APPEND kept "${kernel}.${name}\n")
    endforeach()
    file(WRITE ${FOLDER}/${name}.renamed "${renamed}")
    file(WRITE ${FOLDER}/${name}.kept "${kept}")
    run(${OBJCOPY} --redefine-syms=${FOLDER}/${name}.renamed ${FOLDER}/${name}.o)
    run(${OBJCOPY} --keep-global-symbols=${FOLDER}/${name}.kept ${FOLDER}/${name}.o)
  endforeach()

  list(LENGTH kernels count)
  set(jumps "")
  set(chosen "")
  set(choices "")
  foreach(kernel ${kernels})
    string(APPEND jumps "  .globl ${kernel}\\n  .hidden ${kernel}\\n  .type ${kernel}, @function\\n"
      "${kernel}:\\n  jmp *${kernel}.chosen(%rip)\\n  .size ${kernel}, .-${kernel}\\n")
    string(APPEND chosen "${kernel}.chosen: .quad ${kernel}.baseline\\n")
    list(TRANSFORM EKGINE_SETS_NAMES PREPEND "${kernel}." OUTPUT_VARIABLE column)
    list(JOIN column ", " column)
    string(APPEND choices "  .quad ${column}\\n")
  endforeach()
  foreach(part jumps chosen choices)
    string(REPLACE "\\n" "\\n\"\n\"" ${part} "${${part}}")
  endforeach()
  file(WRITE ${FOLDER}/instruction_set_table.cpp "// Made by cmake/EkgineInstructionSets.cmake.
extern \"C\" void ekgine_choose_kernels();
[[gnu::constructor]] static void choose_kernels() {
  ekgine_choose_kernels();
}
asm(\".text\\n\"
\"${jumps}\"
\".section .data.rel.local, \\\"aw\\\"\\n\"
\".balign 64\\n.globl ekgine_kernels_chosen\\n.hidden ekgine_kernels_chosen\\nekgine_kernels_chosen:\\n\"
\"${chosen}\"
\".section .data.rel.ro.local, \\\"aw\\\"\\n\"
\".balign 64\\n.globl ekgine_kernels_choices\\n.hidden ekgine_kernels_choices\\nekgine_kernels_choices:\\n\"
\"${choices}\"
\".globl ekgine_kernels_count\\n.hidden ekgine_kernels_count\\nekgine_kernels_count: .quad ${count}\\n\"
\".text\\n\");
")
  return()
endif()

set(EKGINE_SETS_SCRIPT ${CMAKE_CURRENT_LIST_FILE})
# The linker of the GNU binutils, as objcopy and nm are; the program itself may be linked by another.
find_program(EKGINE_SETS_LINKER NAMES ld.bfd ld REQUIRED)

function(ekgine_instruction_sets target)
  set(folder ${CMAKE_BINARY_DIR}/instruction_sets)
  set(objects "")
  set(made "")
  foreach(name ${EKGINE_SETS_NAMES})
    add_library(${target}_${name} OBJECT ${ARGN})
    target_compile_options(${target}_${name} PRIVATE -march=${EKGINE_SETS_${name}})
    # As the target's own files are compiled.
    target_link_libraries(${target}_${name} PRIVATE $<TARGET_PROPERTY:${target},LINK_LIBRARIES>)
    target_include_directories(${target}_${name} PRIVATE $<TARGET_PROPERTY:${target},INCLUDE_DIRECTORIES>)
    file(GENERATE OUTPUT ${folder}/${name}.objects CONTENT "$<JOIN:$<TARGET_OBJECTS:${target}_${name}>,\n>\n")
    list(APPEND objects $<TARGET_OBJECTS:${target}_${name}> ${folder}/${name}.objects)
    list(APPEND made ${folder}/${name}.o)
  endforeach()
  add_custom_command(OUTPUT ${made} ${folder}/instruction_set_table.cpp
    DEPENDS ${objects} ${EKGINE_SETS_SCRIPT}
    COMMAND ${CMAKE_COMMAND} -DFOLDER=${folder} -DNM=${CMAKE_NM} -DOBJCOPY=${CMAKE_OBJCOPY}
      -DLINKER=${EKGINE_SETS_LINKER} -P ${EKGINE_SETS_SCRIPT}
    COMMENT "Linking the kernels of each instruction set" VERBATIM)
  set_source_files_properties(${made} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
  set_source_files_properties(${folder}/instruction_set_table.cpp PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  set_source_files_properties(${CMAKE_SOURCE_DIR}/kernels/runtime/instruction_set.cpp
    PROPERTIES COMPILE_DEFINITIONS EKGINE_INSTRUCTION_SETS=1)
  target_sources(${target} PRIVATE ${made} ${folder}/instruction_set_table.cpp)
endfunction()
