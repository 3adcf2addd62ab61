// From text to what is looked up: the same for what is indexed and for what is asked.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aicoder::rag {

/// Lower-case words and, of identifiers, the whole and its parts ("readFile" and "read_file": "readfile"/"read_file", "read", "file").
/// Hangul and other scripts without spaces between words as pairs of characters (a pair finds "검색" in "검색기를", which no word index
/// does); a lone one as it is. In order, with repetitions. Ill-formed UTF-8 separates.
std::vector<std::string> search_terms(std::string_view text);

/// Words of the text that look like identifiers (an underscore, a capital inside, or a digit after a letter) and have 3 characters or more.
std::vector<std::string> identifiers(std::string_view text);

/// An FTS5 query that matches any of the terms; "" when there are none. Nothing in a term is syntax.
std::string match_any(const std::vector<std::string>& terms);

}  // namespace aicoder::rag
