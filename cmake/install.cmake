# `make install` puts the program, the llama.cpp libraries it was built against and the shipped data under one prefix.
include(GNUInstallDirs)
set_target_properties(aicoder PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/aicoder")
install(TARGETS aicoder RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/data/ DESTINATION ${CMAKE_INSTALL_DATADIR}/aicoder)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/NOTICE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(AICODER_LLAMA_PREFIX)
  install(DIRECTORY ${AICODER_LLAMA_PREFIX}/lib/ DESTINATION lib/aicoder FILES_MATCHING PATTERN "*.so*"
    PATTERN "cmake" EXCLUDE PATTERN "pkgconfig" EXCLUDE)
endif()
