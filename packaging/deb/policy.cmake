# Run where the files of the packages lie, below a folder per component: what Debian's policy asks of
# a package and no other installation has.
cmake_minimum_required(VERSION 3.22)
set(samples "
The sample records in /usr/share/ekgine/samples are of the MIT-BIH Arrhythmia
Database 1.0.0, Copyright its authors, published by PhysioNet under the Open
Data Commons Attribution License v1.0, and unchanged; README.md beside them
has the citation. https://physionet.org/content/mitdb/1.0.0/
https://opendatacommons.org/licenses/by/1-0/
")
file(READ ${CPACK_EKGINE_SOURCE}/LICENSE license)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)

foreach(component ${CPACK_COMPONENTS_ALL})
  string(TOUPPER ${component} upper)
  set(share ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${component}/usr/share)
  set(doc ${share}/doc/${CPACK_DEBIAN_${upper}_PACKAGE_NAME})
  file(REMOVE ${doc}/LICENSE)  # a part of the following
  file(WRITE ${doc}/copyright "${license}")
  if(component STREQUAL "program")
    file(APPEND ${doc}/copyright "${samples}")
  endif()
  file(WRITE ${doc}/changelog "ekgine (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n"
    "  * CHANGELOG.md of the sources says what is new.\n\n"
    " -- ${CPACK_PACKAGE_CONTACT}  ${date}\n")
  file(GLOB compressed ${doc}/changelog ${share}/man/man1/*.1)
  execute_process(COMMAND gzip -9n ${compressed} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
