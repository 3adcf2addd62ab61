// Which files of a folder are worth finding something in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace aicoder::rag {

struct FolderFile {
  std::string path;  ///< relative, with '/'
  uint64_t bytes = 0;
  int64_t time = 0;  ///< of the last change, in units of the file system's clock
};

/// Sorted. Left out: what .gitignore files name, hidden files and folders, folders of packages and build products, symbolic links, files
/// above `max_file_bytes`. \throws Error(kNotFound) when the folder is none.
std::vector<FolderFile> folder_files(const std::filesystem::path& folder, size_t max_file_bytes);

}  // namespace aicoder::rag
