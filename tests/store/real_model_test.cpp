#include <gtest/gtest.h>

#include "aicoder/core.h"
#include "aicoder/gguf.h"
#include "aicoder/store.h"
#include "support/test_model.h"

namespace aicoder {
namespace {

TEST(StoreRealModel, CatalogTellsTheTruthAboutTheTestModel) {
  const auto path = test::require_model("smollm2-135m");
  const CatalogEntry* entry = find_model("smollm2-135m");
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(ModelStore().resolve("smollm2-135m"), path);
  const auto file = GgufFile::open(path);
  EXPECT_EQ(file.file_bytes(), entry->bytes);
  EXPECT_EQ(file.get_int("llama.context_length"), entry->n_ctx_train);
  EXPECT_EQ(file.get_string("general.license"), "apache-2.0");
  EXPECT_EQ(sha256_file(path), entry->sha256);
}

}  // namespace
}  // namespace aicoder
