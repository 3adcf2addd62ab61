#include "fragment/hf_reference.h"

namespace aicoder::test {

INSTANTIATE_TEST_SUITE_P(SmolLm2FirstLayers, HfReference, testing::Values(HfReferenceModel{.name = "smollm2-135m", .n_layer = 4}));

}  // namespace aicoder::test
