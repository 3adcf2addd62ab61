#include "model/sequence_state.h"

#include <cstring>
#include <vector>

namespace aicoder {
namespace {

/// A part of the state that stays where it is wanted.
struct Part {
  size_t offset = 0, size = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  template <typename T>
  T number() {
    T value{};
    if (take(sizeof(T))) std::memcpy(&value, bytes_.data() + at_ - sizeof(T), sizeof(T));
    return value;
  }
  bool take(size_t n) {
    if (!good_ || n > bytes_.size() - at_) return good_ = false;
    at_ += n;
    return true;
  }
  /// Of an array of so many: no overflow, and all of it there.
  bool take(size_t n, size_t size) {
    good_ = good_ && (n == 0 || size <= (bytes_.size() - at_) / n);
    return good_ && take(n * size);
  }
  size_t at() const noexcept { return at_; }
  bool good() const noexcept { return good_; }
  bool at_end() const noexcept { return good_ && at_ == bytes_.size(); }

 private:
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  bool good_ = true;
};

/// Finds what stays of a state, first of all without touching it.
class Plan {
 public:
  Plan(std::span<const uint8_t> state, size_t keep) : in_(state), keep_(keep) {}

  bool make() {
    (void)in_.number<uint32_t>();  // a magic number
    (void)in_.number<int32_t>();   // the sequence it was
    const auto n_streams = in_.number<uint32_t>();
    stay(0);
    for (uint32_t s = 0; s < n_streams && in_.good(); ++s) {
      const size_t start = in_.at();
      const auto n_cells = in_.number<uint32_t>();
      if (n_cells == 0) {
        stay(start);
      } else if (n_wanted_ > 0 || !read_stream(start, n_cells)) {
        return false;
      }
    }
    return in_.at_end() && n_wanted_ == keep_;
  }

  const std::vector<Part>& parts() const noexcept { return parts_; }
  size_t count_offset() const noexcept { return count_offset_; }
  uint32_t n_wanted() const noexcept { return n_wanted_; }

 private:
  void stay(size_t from) { add(from, in_.at() - from); }
  void add(size_t offset, size_t size) {
    if (!parts_.empty() && parts_.back().offset + parts_.back().size == offset) {
      parts_.back().size += size;
    } else if (size > 0) {
      parts_.push_back({offset, size});
    }
  }
  /// Of an array with `size` bytes a cell.
  bool read_cells(uint32_t n_cells, size_t size) {
    const size_t start = in_.at();
    if (size == 0 || !in_.take(n_cells, size)) return false;
    for (const auto& run : runs_) add(start + run.offset * size, run.size * size);
    return true;
  }

  bool read_stream(size_t start, uint32_t n_cells) {
    count_offset_ = start;
    stay(start);
    for (uint32_t i = 0; i < n_cells; ++i) {
      const size_t cell = in_.at();
      const auto position = in_.number<int32_t>();
      const auto n_sequences = in_.number<uint32_t>();
      const auto sequence = in_.number<int32_t>();
      if (!in_.good() || position < 0 || n_sequences != 1 || sequence < 0) return false;
      if (static_cast<size_t>(position) >= keep_) continue;
      ++n_wanted_;
      stay(cell);
      if (!runs_.empty() && runs_.back().offset + runs_.back().size == i) {
        ++runs_.back().size;
      } else {
        runs_.push_back({i, 1});
      }
    }
    const size_t head = in_.at();
    const auto transposed = in_.number<uint32_t>();
    const auto n_layers = in_.number<uint32_t>();
    if (!in_.good() || transposed > 1) return false;
    stay(head);
    for (uint32_t layer = 0; layer < n_layers; ++layer) {
      if (!read_rows(n_cells)) return false;
    }
    for (uint32_t layer = 0; layer < n_layers; ++layer) {
      if (transposed == 1 ? !read_transposed(n_cells) : !read_rows(n_cells)) return false;
    }
    return true;
  }
  bool read_rows(uint32_t n_cells) {
    const size_t head = in_.at();
    (void)in_.number<int32_t>();
    const auto row = in_.number<uint64_t>();
    if (!in_.good()) return false;
    stay(head);
    return read_cells(n_cells, row);
  }
  bool read_transposed(uint32_t n_cells) {
    const size_t head = in_.at();
    (void)in_.number<int32_t>();
    const auto value = in_.number<uint32_t>();
    const auto n_values = in_.number<uint32_t>();
    if (!in_.good()) return false;
    stay(head);
    for (uint32_t v = 0; v < n_values; ++v) {
      if (!read_cells(n_cells, value)) return false;
    }
    return true;
  }

  Reader in_;
  size_t keep_;
  std::vector<Part> runs_;  ///< of cells that are wanted
  std::vector<Part> parts_;
  size_t count_offset_ = 0;  ///< of the number of cells; before it nothing is left out
  uint32_t n_wanted_ = 0;
};

}  // namespace

size_t cut_sequence_state(std::span<uint8_t> state, size_t keep) {
  Plan plan(state, keep);
  if (keep == 0 || !plan.make()) return 0;
  const uint32_t n_cells = plan.n_wanted();
  std::memcpy(state.data() + plan.count_offset(), &n_cells, sizeof n_cells);
  size_t size = 0;
  for (const auto& part : plan.parts()) {
    if (part.offset != size) std::memmove(state.data() + size, state.data() + part.offset, part.size);
    size += part.size;
  }
  return size;
}

}  // namespace aicoder
