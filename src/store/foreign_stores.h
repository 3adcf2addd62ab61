// GGUF files that other programs keep on this machine: found and used in place, never copied or changed.
#pragma once

#include <filesystem>
#include <vector>

#include "aicoder/store.h"

namespace aicoder::store {

/// Models of an Ollama store (a folder with `manifests` and `blobs`), named "ollama:NAME:TAG". Damaged manifests are passed over.
std::vector<InstalledModel> ollama_models(const std::filesystem::path& store);
/// GGUF files of a hub cache (a folder of `models--ORG--NAME`), named "hub:ORG/NAME/FILE.gguf". Files split in several are passed over:
/// the rest of aicoder reads one file.
std::vector<InstalledModel> hub_models(const std::filesystem::path& cache);

/// $OLLAMA_MODELS, else ~/.ollama/models and the folder of Ollama's system service.
std::vector<std::filesystem::path> ollama_folders();
/// $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub.
std::filesystem::path hub_folder();

/// "general.license" of the file, else "unknown".
std::string licence_in_file(const std::filesystem::path& file);

}  // namespace aicoder::store
