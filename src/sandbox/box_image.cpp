#include "sandbox/box_image.h"

#include <string_view>

#include "sandbox/memory_file.h"

// The build puts the bytes of box_init here, so that there is no second file to install, find or replace.
// NOLINTBEGIN
asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".global aicoder_box_init_begin\n"
    "aicoder_box_init_begin:\n"
    ".incbin \"" AICODER_BOX_INIT
    "\"\n"
    ".global aicoder_box_init_end\n"
    "aicoder_box_init_end:\n"
    ".byte 0\n"
    ".popsection\n");
extern "C" const char aicoder_box_init_begin[];
extern "C" const char aicoder_box_init_end[];
// NOLINTEND

namespace aicoder::box {

int box_image_fd() {
  static const UniqueFd image = memory_file("aicoder-box", {aicoder_box_init_begin, aicoder_box_init_end}, true);
  return image.get();
}

}  // namespace aicoder::box
