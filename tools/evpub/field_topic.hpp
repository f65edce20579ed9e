// The topic of a JSON line: the string that stands under one of its keys.
#pragma once

#include <evbus/topic.hpp>

#include <string>
#include <string_view>
#include <unordered_map>

namespace evpub {

class field_topic {
public:
    /// `prefix` stands before the field's text with a dot between; empty: the text alone.
    field_topic(std::string field, std::string prefix);

    /// Throws evbus::error that says what is wrong with the line: no JSON, no object, no such key, no
    /// string, no topic. The topic is valid until the next call.
    const evbus::topic& of(std::string_view line);

private:
    static constexpr std::size_t most_remembered = 100'000;

    std::string field_;
    std::string prefix_;
    std::unordered_map<std::string, evbus::topic> known_; ///< checked and hashed once each
};

} // namespace evpub
