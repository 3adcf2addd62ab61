// What the commands that choose or calibrate by held-out tasks have in common.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string>

namespace aicoder::cli {

/// --task-suite. \param note  of the help text
void add_task_suite(CLI::App& command, std::string& suite, const std::string& note = {});
/// The file given, or the rows that ship for this suite. \throws Error(kInvalidArgument) where none ship.
std::filesystem::path selection_file(const std::string& suite, const std::string& given);
/// The text of the file named, or what was given. \throws as read_file.
std::string text_or_file(const std::string& argument);

}  // namespace aicoder::cli
