// A real model and a fragment of it, for the tests of hf_reference_test.cpp. Which model is said where they are instantiated.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "aicoder/fragment.h"
#include "support/test_model.h"

namespace aicoder::test {

struct HfReferenceModel {
  std::string name;
  size_t n_layer = 0;  ///< only the first so many; 0: all
};

class HfReference : public testing::TestWithParam<HfReferenceModel> {
 protected:
  /// Loads the model and makes the fragment, of rank 4 and strength 0.5 for every linear layer.
  void use(const std::filesystem::path& model);
  /// The model in F32, without the layers that are left out: quantized products round their inputs to 8 bits, which changes
  /// logits more than what is to be seen here.
  std::filesystem::path in_f32() const;

  TempDir dir_;
  std::filesystem::path source_ = require_model(GetParam().name);
  std::shared_ptr<const Model> model_;
  std::filesystem::path fragment_ = dir_ / "coder.gguf";
  std::vector<Token> tokens_;
};

}  // namespace aicoder::test
