// An embedding without a model: which words a text holds, hashed into a few dimensions. Knows that some words mean the same.
#pragma once

#include <cmath>
#include <map>

#include "aicoder/rag.h"
#include "rag/search_terms.h"

namespace aicoder::test {

class FakeEmbedder : public Embedder {
 public:
  explicit FakeEmbedder(std::string id = "fake:1") : id_(std::move(id)) {}
  std::string id() const override { return id_; }
  std::vector<float> embed(std::string_view text, const std::stop_token& stop) override {
    throw_if_stopped(stop);
    ++calls;
    static const std::map<std::string, std::string> kSame = {{"remove", "delete"}, {"erase", "delete"}, {"car", "automobile"}};
    std::vector<float> v(256, 0.001F);
    for (const std::string& term : rag::search_terms(text)) {
      const auto same = kSame.find(term);
      v[std::hash<std::string>{}(same == kSame.end() ? term : same->second) % v.size()] += 1;
    }
    float sum = 0;
    for (float x : v) sum += x * x;
    for (float& x : v) x /= std::sqrt(sum);
    return v;
  }
  int calls = 0;

 private:
  std::string id_;
};

}  // namespace aicoder::test
