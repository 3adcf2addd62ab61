#include "engine/engine_view.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

namespace aicoder {
namespace {

/// What the engine's thread tells the thread that called generate().
class Inbox {
 public:
  struct Event {
    size_t request = 0;
    std::optional<Outcome> outcome;       ///< none: a piece of text
    std::optional<TokenLogprob> logprob;  ///< or this
    size_t sample = 0;
    std::string text;
  };
  void push(Event event) {
    // Told under the lock: after the last event the receiver, and this with it, may be gone.
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    arrived_.notify_one();
  }
  Event pop() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return !events_.empty(); });
    Event event = std::move(events_.front());
    events_.pop_front();
    return event;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Event> events_;
};

}  // namespace

std::vector<GenerationResult> EngineView::generate(std::span<const GenerationRequest> requests, const std::stop_token& stop,
                                                   const std::function<void(size_t, const GenerationResult&)>& on_done) {
  std::stop_source own;
  const std::stop_callback on_stop(stop, [&] { own.request_stop(); });
  Inbox inbox;
  std::vector<GenerationResult> results(requests.size());
  // A receiver's no reaches the engine with the sample's next piece: written on this thread, read on the engine's.
  std::vector<std::vector<std::atomic<bool>>> refused(requests.size());
  std::exception_ptr error;
  const auto fail = [&] {
    if (!error) error = std::current_exception();
    own.request_stop();
  };
  const auto submit = [&](size_t index) {
    GenerationRequest request = requests[index];
    if (request.on_token) {
      refused[index] = std::vector<std::atomic<bool>>(request.n);
      request.on_token = [&inbox, &no = refused[index], index](size_t sample, std::string_view text) {
        if (no[sample]) return false;
        inbox.push({.request = index, .sample = sample, .text = std::string(text)});
        return true;
      };
    }
    if (request.on_logprob) {
      request.on_logprob = [&inbox, index](size_t sample, const TokenLogprob& logprob) {
        inbox.push({.request = index, .logprob = logprob, .sample = sample});
      };
    }
    submit_(request, own.get_token(),
            [&inbox, index](Outcome&& outcome) { inbox.push({.request = index, .outcome = std::move(outcome)}); });
  };
  const auto receive = [&](Inbox::Event& event) {
    if (event.logprob) return requests[event.request].on_logprob(event.sample, *event.logprob);
    if (!event.outcome) {
      auto& no = refused[event.request][event.sample];
      if (!no && !requests[event.request].on_token(event.sample, event.text)) no = true;
      return;
    }
    if (event.outcome->error) std::rethrow_exception(event.outcome->error);
    results[event.request] = std::move(event.outcome->result);
    if (event.outcome->started && on_done) on_done(event.request, results[event.request]);
  };

  size_t next = 0, inside = 0;
  while (next < requests.size() || inside > 0) {
    try {
      if (next < requests.size() && inside < most_inside_ && !error) {
        submit(next++);
        ++inside;
        continue;
      }
      if (inside == 0) break;
      auto event = inbox.pop();
      if (event.outcome) --inside;
      receive(event);
    } catch (...) {
      fail();
    }
  }
  if (error) std::rethrow_exception(error);
  return results;
}

}  // namespace aicoder
