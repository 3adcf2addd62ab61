# Flags for our own code only, and the one way to declare a module or its tests.

add_library(aicoder_developer INTERFACE)
target_compile_options(aicoder_developer INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
  -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Woverloaded-virtual -Wno-missing-field-initializers)
# g++ 12 sees overlapping copies in std::string's operator+ where there are none (GCC bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(aicoder_developer INTERFACE -Wno-restrict)
endif()
if(AICODER_WERROR)
  target_compile_options(aicoder_developer INTERFACE -Werror)
endif()
if(AICODER_SANITIZE)
  # An empty optional, an index past the end: an abort instead of luck.
  target_compile_definitions(aicoder_developer INTERFACE _GLIBCXX_ASSERTIONS)
  target_compile_options(aicoder_developer INTERFACE -fsanitize=${AICODER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(aicoder_developer INTERFACE -fsanitize=${AICODER_SANITIZE})
  # g++ 12 warns of std::regex's own code there (GCC bug 105562).
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(aicoder_developer INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
if(AICODER_COVERAGE)
  target_compile_options(aicoder_developer INTERFACE --coverage)
  target_link_options(aicoder_developer INTERFACE --coverage)
endif()

# The libraries of llama.cpp carry no path to each other. DT_RPATH is looked at for what a library needs too, DT_RUNPATH is not.
target_link_options(aicoder_developer INTERFACE -Wl,--disable-new-dtags)

# aicoder_module(NAME SOURCES a.cpp ... [USES core gguf ...] [LIBS private third-party targets ...])
# Makes the static library aicoder::NAME. USES are modules whose headers ours includes.
function(aicoder_module name)
  cmake_parse_arguments(arg "" "" "SOURCES;USES;LIBS" ${ARGN})
  add_library(aicoder_${name} STATIC ${arg_SOURCES})
  add_library(aicoder::${name} ALIAS aicoder_${name})
  target_include_directories(aicoder_${name} PUBLIC ${PROJECT_SOURCE_DIR}/include PRIVATE ${PROJECT_SOURCE_DIR}/src)
  list(TRANSFORM arg_USES PREPEND aicoder::)
  target_link_libraries(aicoder_${name} PUBLIC ${arg_USES} PRIVATE aicoder_developer ${arg_LIBS})
endfunction()

# The Python of scripts/setup/python.sh (numpy, gguf, safetensors, jinja2), the independent oracle of some tests; empty: those tests fail and name the fix.
set(AICODER_TEST_PYTHON "" CACHE FILEPATH "Python interpreter with the packages of scripts/setup/requirements-test.txt")

# aicoder_tests(MODULE SOURCES a_test.cpp ... [LABEL unit|model|slow|e2e] [LIBS ...] [TIMEOUT seconds])
# One program per module and label; every TEST becomes a ctest case with that label.
function(aicoder_tests module)
  cmake_parse_arguments(arg "" "LABEL;TIMEOUT" "SOURCES;LIBS" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  set(target ${module}_${arg_LABEL}_tests)
  add_executable(${target} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE AICODER_SOURCE_DIR="${PROJECT_SOURCE_DIR}" AICODER_BINARY_DIR="${CMAKE_BINARY_DIR}"
    AICODER_TEST_PYTHON="${AICODER_TEST_PYTHON}")
  if(TARGET aicoder::${module})  # tests/architecture is of no module
    target_link_libraries(${target} PRIVATE aicoder::${module})
  endif()
  target_link_libraries(${target} PRIVATE aicoder_developer GTest::gmock_main ${arg_LIBS})
  # A test with a model computes on two threads; ctest -j counts it as two so that timings and time limits stay honest.
  set(processors 2)
  if(arg_LABEL STREQUAL unit)
    set(processors 1)
  endif()
  if(arg_LABEL STREQUAL unit)  # all that the sanitizers run, without the rest
    if(NOT TARGET unit_tests)
      add_custom_target(unit_tests)
    endif()
    add_dependencies(unit_tests ${target})
  endif()
  gtest_discover_tests(${target} TEST_PREFIX "${module}." DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT ${arg_TIMEOUT} PROCESSORS ${processors})
endfunction()
