#include "sandbox/attack/attacker_image.h"

// NOLINTBEGIN
asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".global aicoder_attacker_begin\n"
    "aicoder_attacker_begin:\n"
    ".incbin \"" AICODER_ATTACKER
    "\"\n"
    ".global aicoder_attacker_end\n"
    "aicoder_attacker_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const char aicoder_attacker_begin[];
extern "C" const char aicoder_attacker_end[];
// NOLINTEND

namespace aicoder::attack {

std::string_view attacker_image() { return {aicoder_attacker_begin, aicoder_attacker_end}; }

}  // namespace aicoder::attack
