// Whether a LoRA belongs to a base: the fingerprint it names, and the shapes.
#pragma once

#include <string>

#include "aicoder/model.h"

namespace aicoder::fragment {

/// \param fingerprint, name  of the base the adapter was made for; an empty fingerprint is not known and passes
/// \throws Error(kFailedPrecondition) naming both bases.
void check_same_base(const Model& base, const std::string& fingerprint, const std::string& name, const std::string& place);
/// \throws Error(kFailedPrecondition) unless the base has this weight as [n_out, n_in].
void check_fits(const Model& base, const std::string& weight, size_t n_in, size_t n_out, const std::string& place);

}  // namespace aicoder::fragment
