// Whole models: 0.5 and 2 GB in F32.
#include "fragment/hf_reference.h"

namespace aicoder::test {

INSTANTIATE_TEST_SUITE_P(SmolLm2, HfReference, testing::Values(HfReferenceModel{.name = "smollm2-135m"}));
INSTANTIATE_TEST_SUITE_P(Qwen25, HfReference, testing::Values(HfReferenceModel{.name = "qwen2.5-coder-0.5b"}));

}  // namespace aicoder::test
