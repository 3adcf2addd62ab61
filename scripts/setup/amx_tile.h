// Put before every C++ file of llama.cpp (scripts/setup/llama.sh): g++ up to 12 at least tells the optimizer that ldtilecfg reads one
// pointer, not the 64 bytes it does read, so the stores that fill the tile configuration are dropped and the AMX kernels crash.
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__) && defined(__cplusplus)
#include <immintrin.h>
inline __attribute__((always_inline)) void aicoder_tile_loadconfig(const void* config) {
  struct Bytes {
    char value[64];
  };
  __asm__ volatile("ldtilecfg\t%X0" ::"m"(*static_cast<const Bytes*>(config)));
}
#undef _tile_loadconfig
#define _tile_loadconfig aicoder_tile_loadconfig
#endif
