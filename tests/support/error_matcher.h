// EXPECT_ERROR(statement, code, "part of the message"): every refusal is tested by its code and by what it tells the user.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "aicoder/core.h"

#define EXPECT_ERROR(statement, expected_code, message_part)                                                            \
  do {                                                                                                                  \
    try {                                                                                                               \
      statement;                                                                                                        \
      ADD_FAILURE() << #statement " threw nothing";                                                                     \
    } catch (const ::aicoder::Error& caught_error) {                                                                    \
      EXPECT_EQ(::aicoder::to_string(caught_error.code()), ::aicoder::to_string(expected_code)) << caught_error.what(); \
      EXPECT_NE(std::string(caught_error.what()).find(message_part), std::string::npos) << caught_error.what();         \
    }                                                                                                                   \
  } while (false)
