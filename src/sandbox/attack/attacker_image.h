// The attack program (program.cpp), which this library carries as bytes.
#pragma once

#include <string_view>

namespace aicoder::attack {

std::string_view attacker_image();

}  // namespace aicoder::attack
