#include "tools/evpub/field_topic.hpp"

#include <evbus/error.hpp>

#include <nlohmann/json.hpp>

namespace evpub {
namespace {

[[noreturn]] void refuse(const std::string& problem, const std::string& way_out = {}) {
    throw evbus::error(evbus::errc::bad_topic, {"", "topic from field", problem, way_out});
}

std::string string_at(std::string_view line, const std::string& field) {
    const nlohmann::json parsed = nlohmann::json::parse(line, nullptr, false);
    if (parsed.is_discarded()) refuse("it is not JSON");
    if (!parsed.is_object()) refuse("it is no JSON object");
    const auto found = parsed.find(field);
    if (found == parsed.end()) refuse("it has no field '" + field + "'");
    if (!found->is_string()) refuse("its field '" + field + "' is no string");
    return found->get<std::string>();
}

} // namespace

field_topic::field_topic(std::string field, std::string prefix) : field_(std::move(field)), prefix_(std::move(prefix)) {}

const evbus::topic& field_topic::of(std::string_view line) {
    std::string text = string_at(line, field_);
    if (!prefix_.empty()) text = prefix_ + "." + text;
    if (const auto found = known_.find(text); found != known_.end()) return found->second;
    if (known_.size() >= most_remembered) known_.clear();
    const evbus::topic checked(text);
    return known_.emplace(std::move(text), checked).first->second;
}

} // namespace evpub
