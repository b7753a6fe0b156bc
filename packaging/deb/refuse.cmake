# Run before anything is packaged: what would give a package that is no use elsewhere.
if(CPACK_EKGINE_NATIVE)
  message(FATAL_ERROR " ekgine: this build is for the processor of this machine, expected one for any: "
    "cmake --preset deb (or -DEKGINE_NATIVE=OFF)")
endif()
foreach(program dpkg-shlibdeps file)
  find_program(found_${program} ${program})
  if(NOT found_${program})
    message(FATAL_ERROR " ekgine: ${program} is missing, which finds the package's dependencies: "
      "apt-get install dpkg-dev file (or scripts/install_packages deb)")
  endif()
endforeach()
