# Installed packages first; llama.cpp from the machine, else the prefix that scripts/setup/llama.sh made
# (passed as AICODER_LLAMA_PREFIX by the Makefile). All third-party headers are SYSTEM.

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(Eigen3 3.4 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(CURL REQUIRED)
find_package(SQLite3 3.34 REQUIRED)  # FTS5 with the trigram tokenizer
find_package(ICU 72 REQUIRED COMPONENTS uc)
pkg_check_modules(libgit2 REQUIRED IMPORTED_TARGET libgit2)
pkg_check_modules(libseccomp REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(libedit REQUIRED IMPORTED_TARGET libedit)

set(AICODER_LLAMA_PREFIX "" CACHE PATH "Prefix of an installed llama.cpp (scripts/setup/llama.sh prints one)")
if(AICODER_LLAMA_PREFIX)
  list(PREPEND CMAKE_PREFIX_PATH ${AICODER_LLAMA_PREFIX})
endif()
find_package(ggml REQUIRED)
find_package(llama REQUIRED)

if(AICODER_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
if(AICODER_BENCH)
  find_package(benchmark REQUIRED)
endif()

# cpp-httplib: not installed with llama.cpp, only in its source (`scripts/setup/llama.sh --source`), and so pinned by the same hash. Without
# OpenSSL and zlib: no TLS here, and no compressed body, which could unpack to any size.
set(AICODER_HTTPLIB_DIR "" CACHE PATH "Folder of httplib.h and httplib.cpp 0.58 (vendor/cpp-httplib of the pinned llama.cpp source)")
if(NOT EXISTS ${AICODER_HTTPLIB_DIR}/httplib.cpp)
  message(FATAL_ERROR "AICODER_HTTPLIB_DIR='${AICODER_HTTPLIB_DIR}' holds no httplib.cpp: build with scripts/build.sh, which sets it")
endif()
add_library(aicoder_httplib STATIC ${AICODER_HTTPLIB_DIR}/httplib.cpp)
target_include_directories(aicoder_httplib SYSTEM PUBLIC ${AICODER_HTTPLIB_DIR})
target_compile_definitions(aicoder_httplib PUBLIC CPPHTTPLIB_LISTEN_BACKLOG=512 CPPHTTPLIB_TCP_NODELAY=true)
target_compile_options(aicoder_httplib PRIVATE -w)
target_link_libraries(aicoder_httplib PUBLIC Threads::Threads)
