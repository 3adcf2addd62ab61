// Tables of filters, by the kind of thing they work on.
#pragma once

#include <map>
#include <string_view>

#include "model/jinja_runtime.h"

namespace aicoder::jinja {

using Filter = Value (*)(Runtime&, const Value& input, Arguments);
using Filters = std::map<std::string_view, Filter>;

const Filters& text_filters();      // jinja_filters_text.cpp
const Filters& number_filters();    // jinja_filters_number.cpp
const Filters& sequence_filters();  // jinja_filters_sequence.cpp

}  // namespace aicoder::jinja
