// What a calibration text is called in statistics and fragments.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "aicoder/model.h"

namespace aicoder::fragment {

/// Roles and texts with their lengths, so that no two different records hash alike.
inline std::string hash_record(const TextRecord& record) {
  Sha256 hash;
  const auto add = [&hash](std::string_view text) {
    hash.update(std::to_string(text.size()) + ":");
    hash.update(text);
  };
  add(record.text);
  for (const ChatMessage& message : record.messages) {
    add(message.role);
    add(message.content);
  }
  return hash.hex();
}

/// One hash for the whole list: a set of a thousand records need not be a thousand hashes in every fragment made from it.
inline std::string hash_of_hashes(std::span<const std::string> hashes) {
  Sha256 all;
  for (const std::string& hash : hashes) all.update(hash);
  return all.hex();
}

}  // namespace aicoder::fragment
