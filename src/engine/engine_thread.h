// The one thread that owns lanes, adapters and embeddings, and what other threads hand to it. Private to src/engine.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "aicoder/engine.h"
#include "engine/lanes.h"
#include "engine/ticket.h"

namespace aicoder {

struct EmbedTask {
  std::vector<std::vector<Token>> texts;
  std::vector<std::vector<float>> vectors;
  std::stop_token stop;
  std::promise<std::vector<std::vector<float>>> promise;
  double pass = 0;
};

class EngineThread {
 public:
  EngineThread(std::shared_ptr<const Model> model, const EngineOptions& options);
  ~EngineThread();

  // ---- any thread ----
  /// \param bounded  refused when the queue is full
  /// \throws Error kResourceExhausted (queue full), kFailedPrecondition (draining).
  void submit(std::unique_ptr<Ticket> ticket, bool bounded);
  void submit(std::unique_ptr<EmbedTask> task);
  LoadedFragment load(const std::string& name, const std::filesystem::path& path);
  bool unload(const std::filesystem::path& path);
  bool drain(std::chrono::milliseconds limit);
  EngineStats stats() const;
  std::vector<LoadedFragment> fragments() const;

 private:
  /// A prefix that the base lane reads for requests of other lanes.
  struct Prefix {
    std::vector<Token> tokens;
    std::vector<std::pair<Lane*, LiveBatch::Id>> wanted_by;  ///< the first of them is charged
    std::stop_source stop;
    LiveBatch::Id id = 0;
    bool done = false;
    GenerateResult result;
  };

  // ---- the engine's thread ----
  void run();
  void take_incoming();
  void end_all();
  bool turn();
  void expire();
  void place();
  bool place(std::unique_ptr<Ticket>& ticket, bool& blocked);
  void prepare(Ticket& ticket);
  void start_in(Lane& lane, std::unique_ptr<Ticket>& ticket);
  Lane* next_lane();
  bool step(Lane& lane);
  void fail_lane(Lane* lane, const std::exception_ptr& error);
  void ask_for_prefixes(Lane& lane);
  void hand_out_prefixes();
  bool embed_one();
  void on_done(Lane* lane, LiveBatch::Id id, GenerateResult&& output);
  void end(std::unique_ptr<Ticket> ticket, GenerateResult&& output, bool started);
  void end_unstarted(std::unique_ptr<Ticket> ticket, std::exception_ptr error = {});
  void deliver();
  void publish();
  LoadedFragment describe(const Adapter& adapter, const std::string& name) const;

  void check_open(bool bounded) const;
  template <typename Result>
  Result on_engine_thread(std::function<Result()> command);

  const std::shared_ptr<const Model> model_;
  const EngineOptions options_;

  // Shared, under the mutex.
  mutable std::mutex mutex_;
  std::condition_variable wake_, ended_cv_;
  std::list<std::unique_ptr<Ticket>> incoming_;
  std::deque<std::unique_ptr<EmbedTask>> incoming_embeds_;
  std::deque<std::function<void()>> commands_;
  bool draining_ = false, stopping_ = false;
  size_t n_queued_ = 0;  ///< tickets that have no sequence yet
  size_t n_inside_ = 0;  ///< tickets and embed tasks whose outcome is not delivered
  EngineStats stats_;
  std::vector<LoadedFragment> fragments_;

  // The engine thread's own.
  AdapterCache adapters_;
  std::vector<std::weak_ptr<const Adapter>> alive_;  ///< every adapter that was loaded
  std::map<std::filesystem::path, std::string> names_;
  Lanes lanes_;
  std::list<std::unique_ptr<Ticket>> waiting_;  ///< urgent ones first, then in the order they came
  std::list<std::unique_ptr<EmbedTask>> embeds_;
  std::vector<std::unique_ptr<Prefix>> prefixes_;
  std::vector<std::pair<std::unique_ptr<Ticket>, Outcome>> ended_;
  EngineStats counted_;
  double clock_ = 0;     ///< the pass of the lane that had the last turn
  bool changed_ = true;  ///< something that stats() or fragments() tell
  EngineClock::time_point published_;
  std::stop_source stop_all_;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace aicoder
