#include <git2.h>

#include <memory>

#include "aicoder/agent.h"

namespace aicoder {
namespace {

struct PatchFree {
  void operator()(git_patch* patch) const { git_patch_free(patch); }
};
struct Library {
  Library() { git_libgit2_init(); }
  ~Library() { git_libgit2_shutdown(); }
};

}  // namespace

std::string unified_diff(std::string_view path, const std::optional<std::string>& before, const std::optional<std::string>& after) {
  static const Library library;
  if (before == after) return {};
  std::string name(path);
  git_diff_options options = GIT_DIFF_OPTIONS_INIT;
  git_patch* raw = nullptr;
  // A missing side has no name: libgit2 then writes /dev/null, as git does.
  int status = git_patch_from_buffers(&raw, before ? before->data() : nullptr, before ? before->size() : 0, before ? name.c_str() : nullptr,
                                      after ? after->data() : nullptr, after ? after->size() : 0, after ? name.c_str() : nullptr, &options);
  std::unique_ptr<git_patch, PatchFree> patch(raw);
  git_buf text = GIT_BUF_INIT;
  if (status == 0) status = git_patch_to_buf(&text, patch.get());
  if (status != 0) {
    const git_error* error = git_error_last();
    throw Error(ErrorCode::kInternal, "[diff] " + name + ": " + (error != nullptr ? error->message : "libgit2 failed"));
  }
  std::string out(text.ptr, text.size);
  git_buf_dispose(&text);
  return out;
}

}  // namespace aicoder
