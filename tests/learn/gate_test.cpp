#include <gtest/gtest.h>

#include "aicoder/learn.h"

namespace aicoder {
namespace {

Comparison held_out(size_t both, size_t lost, size_t won, size_t neither) {
  Comparison c;
  c.n = both + lost + won + neither;
  c.both = both;
  c.only_a = lost;
  c.only_b = won;
  c.neither = neither;
  c.p_mcnemar = mcnemar_exact(lost, won);
  return c;
}
TrainResult general(double before, double after) {
  TrainResult t;
  t.general_loss_before = before;
  t.general_loss = after;
  return t;
}
std::vector<std::string> failed(const std::vector<GateCheck>& checks) {
  std::vector<std::string> names;
  for (const auto& c : checks) {
    if (!c.passed) names.push_back(c.name);
  }
  return names;
}
using Names = std::vector<std::string>;

TEST(Gate, AClearGainWithoutForgettingPasses) {
  const auto checks = gate_checks(held_out(20, 1, 12, 10), general(2, 2.01), 0.01, 0.05);
  EXPECT_TRUE(all_passed(checks));
  EXPECT_EQ(checks.size(), 3u);
}

TEST(Gate, WhatCouldBeChanceDoesNot) {
  EXPECT_EQ(failed(gate_checks(held_out(20, 1, 3, 10), general(2, 2), 0.01, 0.05)), Names{"not by chance"});
}

TEST(Gate, ALossOfTasksDoesNotHoweverSure) {
  EXPECT_EQ(failed(gate_checks(held_out(20, 12, 1, 10), general(2, 2), 0.01, 0.05)), (Names{"target gain", "not by chance"}));
}

TEST(Gate, ForgettingOrNotMeasuringItDoesNot) {
  EXPECT_EQ(failed(gate_checks(held_out(20, 0, 12, 10), general(2, 2.03), 0.01, 0.05)), Names{"general loss"});
  EXPECT_EQ(failed(gate_checks(held_out(20, 0, 12, 10), TrainResult{}, 0.01, 0.05)), Names{"general loss"});
  EXPECT_FALSE(all_passed({}));
}

FragmentEffect effect(std::vector<Comparison> suites, std::vector<double> rises) {
  FragmentEffect e;
  for (size_t i = 0; i < suites.size(); ++i)
    e.suites.push_back({.suite = "suite" + std::to_string(i), .off = {}, .on = {}, .on_vs_off = suites[i]});
  for (const double rise : rises) e.texts.push_back({.text = "general.txt", .relative = rise});
  return e;
}

TEST(GateOfAFragment, OneSuiteMustGainNoneMayLoseAndNoTextMayRise) {
  const Comparison gain = held_out(20, 1, 14, 10), same = held_out(20, 2, 2, 10), loss = held_out(20, 12, 1, 10),
                   chance = held_out(20, 1, 4, 10);
  EXPECT_TRUE(all_passed(gate_checks(effect({gain, same}, {0.005}), 0.01, 0.05)));
  EXPECT_EQ(failed(gate_checks(effect({gain, loss}, {0.005}), 0.01, 0.05)), Names{"no loss on suite1"});
  EXPECT_EQ(failed(gate_checks(effect({chance, same}, {0}), 0.01, 0.05)), Names{"gain"});
  EXPECT_EQ(failed(gate_checks(effect({gain}, {0.02}), 0.01, 0.05)), Names{"loss of general.txt"});
}

TEST(GateOfAFragment, NothingMeasuredPassesNothing) {
  EXPECT_EQ(failed(gate_checks(effect({}, {}), 0.01, 0.05)), (Names{"gain", "loss of other text"}));
}

TEST(GateOfAFragment, ManySuitesRaiseTheBarOfAGain) {
  const Comparison gain = held_out(20, 1, 8, 10);  // p = 0.039
  EXPECT_TRUE(all_passed(gate_checks(effect({gain}, {0}), 0.01, 0.05)));
  const Comparison same = held_out(20, 2, 2, 10);
  EXPECT_EQ(failed(gate_checks(effect({gain, same, same}, {0}), 0.01, 0.05)), Names{"gain"});
}

}  // namespace
}  // namespace aicoder
