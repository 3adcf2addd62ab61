// LiveBatch: the scheduler's public face.
#include "model/scheduler.h"

namespace aicoder {

LiveBatch::LiveBatch(Context& context, size_t chunk) : impl_(new Impl{Scheduler(context.impl(), chunk)}) {}
LiveBatch::~LiveBatch() = default;
LiveBatch::LiveBatch(LiveBatch&&) noexcept = default;

LiveBatch::Id LiveBatch::submit(GenerateRequest request, DoneFn on_done, const std::stop_token& stop, bool urgent) {
  auto done = [on_done = std::move(on_done)](GenerateResult&& result, bool) {
    if (on_done) on_done(std::move(result));
  };
  return impl_->scheduler.submit(std::move(request), std::move(done), stop, urgent);
}
bool LiveBatch::step(size_t prompt_tokens, const std::stop_token& stop) { return impl_->scheduler.step(prompt_tokens, stop); }
void LiveBatch::cancel(Id id) { impl_->scheduler.cancel(id); }
void LiveBatch::cancel_all() { impl_->scheduler.cancel_all(); }
size_t LiveBatch::n_requests() const noexcept { return impl_->scheduler.n_requests(); }
bool LiveBatch::reads_prompt() const noexcept { return impl_->scheduler.reads_prompt(); }
bool LiveBatch::has_urgent() const noexcept { return impl_->scheduler.has_urgent(); }
size_t LiveBatch::n_free(bool urgent) const noexcept { return impl_->scheduler.n_free(urgent); }
void LiveBatch::set_peers(const std::vector<LiveBatch*>& peers) {
  std::vector<Scheduler*> schedulers;
  for (LiveBatch* peer : peers) {
    if (peer != this) schedulers.push_back(&peer->impl_->scheduler);
  }
  impl_->scheduler.set_peers(std::move(schedulers));
}
std::vector<LiveBatch::MissingPrefix> LiveBatch::missing_prefixes() const { return impl_->scheduler.missing_prefixes(); }
void LiveBatch::take_prefixes() { impl_->scheduler.take_prefixes(); }

}  // namespace aicoder
