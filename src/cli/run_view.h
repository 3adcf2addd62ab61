// How a run looks while it goes on and when it is done; shared by `run` and `chat`.
#pragma once

#include "aicoder/agent.h"
#include "cli/runtime.h"

namespace aicoder::cli {

/// Steps on stderr as they begin and end; the answer's text as it is made on stdout when `stream` is set.
AgentObserver make_observer(Runtime& runtime, bool stream);

/// Answer, diff, findings and the verification line, for people.
std::string describe(const Runtime& runtime, const AgentResult& result, bool answer_was_streamed, bool why);

/// Applies the changes when `yes` or when the person at the terminal agrees. Returns whether they were applied.
bool offer_changes(Runtime& runtime, const AgentResult& result, const std::filesystem::path& dir, bool yes);

/// Fragments by role: those the configuration names, those given by --fragment (by the role in the file), and of the rest the
/// fragments of this base whose evidence is positive.
std::map<std::string, FragmentChoice> choose_role_fragments(const Runtime& runtime, const Model& model,
                                                            const std::vector<FragmentChoice>& given);

}  // namespace aicoder::cli
